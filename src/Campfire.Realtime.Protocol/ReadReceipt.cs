namespace Campfire.Realtime.Protocol;

/// <summary>A participant has received or read the conversation up to a sequence (<c>read:receipt</c>).</summary>
/// <remarks>Both figures are watermarks: they only rise, so a missed receipt is made good by the next one.</remarks>
public sealed record ReadReceipt : ConversationEvent
{
    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets what the participant is.</summary>
    public required SenderType ParticipantType { get; init; }

    /// <summary>Gets who the participant is.</summary>
    public required string ParticipantId { get; init; }

    /// <summary>Gets the sequence up to which events have arrived at the participant.</summary>
    public required long DeliveredThrough { get; init; }

    /// <summary>Gets the sequence up to which the participant has read.</summary>
    public required long ReadThrough { get; init; }

    /// <summary>Gets when the watermark last rose, in UTC.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }
}

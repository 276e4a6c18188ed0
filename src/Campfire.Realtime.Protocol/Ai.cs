using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol;

/// <summary>A piece of an AI's draft (<c>ai:response:delta</c>). Ephemeral: the finished answer comes as a stored message.</summary>
public sealed record AiResponseDelta : ConversationEvent
{
    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets the identifier that the finished message will have.</summary>
    public required Guid MessageId { get; init; }

    /// <summary>Gets the whole draft so far, so that a reader who missed a piece sees the same text.</summary>
    public required string Content { get; init; }
}

/// <summary>The AI or the visitor asks for a human (<c>ai:handover:requested</c>).</summary>
public sealed record HandoverRequested : StoredEvent
{
    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets why.</summary>
    public string? Reason { get; init; }

    /// <summary>Gets what the human should know. The visitor sees it too.</summary>
    public string? Summary { get; init; }

    /// <summary>Gets since when, in UTC.</summary>
    public DateTimeOffset? RequestedAt { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Name => EventNames.AiHandoverRequested;
}

/// <summary>A human took over (<c>ai:handover:completed</c>).</summary>
public sealed record HandoverCompleted : StoredEvent
{
    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets who answers now.</summary>
    public required HandlerType HandlerType { get; init; }

    /// <summary>Gets the identifier of who answers now.</summary>
    public string? HandlerId { get; init; }

    /// <summary>Gets the fencing number from now on.</summary>
    public required long HandlerEpoch { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Name => EventNames.AiHandoverCompleted;
}

namespace Campfire.Realtime.Protocol;

/// <summary>A participant started or stopped typing (<c>typing:start</c>, <c>typing:stop</c>).</summary>
/// <remarks>Sent by clients and not checked by the database: good for display, never for a decision.</remarks>
public sealed record TypingNotice
{
    /// <summary>Gets the conversation.</summary>
    public required Guid ConversationId { get; init; }

    /// <summary>Gets what the participant says it is.</summary>
    public required SenderType SenderType { get; init; }

    /// <summary>Gets who the participant says it is.</summary>
    public required string SenderId { get; init; }

    /// <summary>Gets the name to show.</summary>
    public string? SenderName { get; init; }
}

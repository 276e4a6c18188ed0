namespace Campfire.Realtime.Protocol;

/// <summary>A conversation as a list shows it: the row of <c>realtime_conversations</c>.</summary>
public sealed record ConversationSummary
{
    /// <summary>Gets the conversation's identifier.</summary>
    public required Guid Id { get; init; }

    /// <summary>Gets the organization that the conversation belongs to.</summary>
    public required Guid OrganizationId { get; init; }

    /// <summary>Gets the visitor's identifier.</summary>
    public Guid? VisitorId { get; init; }

    /// <summary>Gets the visitor's name.</summary>
    public string? CustomerName { get; init; }

    /// <summary>Gets the visitor's e-mail address.</summary>
    public string? CustomerEmail { get; init; }

    /// <summary>Gets where the conversation stands.</summary>
    public required ConversationStatus Status { get; init; }

    /// <summary>Gets how urgent the conversation is.</summary>
    public required ConversationPriority Priority { get; init; }

    /// <summary>Gets the agent that the conversation is assigned to.</summary>
    public Guid? AssignedAgentId { get; init; }

    /// <summary>Gets who answers.</summary>
    public required HandlerType HandlerType { get; init; }

    /// <summary>Gets the identifier of the AI or human who answers.</summary>
    public string? HandlerId { get; init; }

    /// <summary>Gets the fencing number of the present handler: it rises with every change of hands.</summary>
    public required long HandlerEpoch { get; init; }

    /// <summary>Gets since when a human has been asked for, in UTC.</summary>
    /// <value><see langword="null"/> when nobody waits for one.</value>
    public DateTimeOffset? HandoverRequestedAt { get; init; }

    /// <summary>Gets the row's version: it rises with every change, and of two versions the higher is the newer.</summary>
    public required long Version { get; init; }

    /// <summary>Gets the sequence of the newest event in the conversation's log.</summary>
    public required long LastSequence { get; init; }

    /// <summary>Gets the beginning of the newest message, at most 140 characters.</summary>
    public string? LastMessagePreview { get; init; }

    /// <summary>Gets when the newest message was stored, in UTC.</summary>
    public DateTimeOffset? LastMessageAt { get; init; }

    /// <summary>Gets who wrote the newest message.</summary>
    public SenderType? LastMessageSenderType { get; init; }

    /// <summary>Gets when the conversation was opened, in UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Gets when the conversation last changed, in UTC.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>The conversation itself changed.</summary>
public abstract record ConversationChanged : StoredEvent
{
    private protected ConversationChanged(long sequence, ConversationSummary conversation)
    {
        Sequence = sequence;
        Conversation = conversation;
    }

    /// <inheritdoc/>
    public override Guid ConversationId => Conversation.Id;

    /// <summary>Gets the conversation as it is after the change.</summary>
    public ConversationSummary Conversation { get; }
}

/// <summary>The conversation was opened (<c>conversation:created</c>).</summary>
public sealed record ConversationCreated : ConversationChanged
{
    internal ConversationCreated(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationCreated;
}

/// <summary>Status, priority or another property changed (<c>conversation:updated</c>).</summary>
public sealed record ConversationUpdated : ConversationChanged
{
    internal ConversationUpdated(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationUpdated;
}

/// <summary>The conversation was given to an agent (<c>conversation:assigned</c>).</summary>
public sealed record ConversationAssigned : ConversationChanged
{
    internal ConversationAssigned(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationAssigned;
}

/// <summary>The conversation was taken from its agent (<c>conversation:unassigned</c>).</summary>
public sealed record ConversationUnassigned : ConversationChanged
{
    internal ConversationUnassigned(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationUnassigned;
}

/// <summary>The conversation was closed (<c>conversation:closed</c>).</summary>
public sealed record ConversationClosed : ConversationChanged
{
    internal ConversationClosed(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationClosed;
}

/// <summary>A closed conversation was opened again (<c>conversation:reopened</c>).</summary>
public sealed record ConversationReopened : ConversationChanged
{
    internal ConversationReopened(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationReopened;
}

/// <summary>The conversation was archived (<c>conversation:archived</c>).</summary>
public sealed record ConversationArchived : ConversationChanged
{
    internal ConversationArchived(long sequence, ConversationSummary conversation)
        : base(sequence, conversation)
    {
    }

    /// <inheritdoc/>
    public override string Name => EventNames.ConversationArchived;
}

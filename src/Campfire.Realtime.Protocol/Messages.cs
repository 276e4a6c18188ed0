using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol;

/// <summary>A message was stored in a conversation (<c>message:created</c>).</summary>
public sealed record MessageCreated : StoredEvent
{
    /// <summary>Gets the message's identifier, chosen by its sender.</summary>
    public required Guid Id { get; init; }

    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets the organization that the conversation belongs to.</summary>
    public required Guid OrganizationId { get; init; }

    /// <summary>Gets the text, at most 16,000 characters; never interpreted.</summary>
    public required string Content { get; init; }

    /// <summary>Gets who wrote the message.</summary>
    public required SenderType SenderType { get; init; }

    /// <summary>Gets the visitor's or the user's identifier, or what the server stated for an AI or itself.</summary>
    public string? SenderId { get; init; }

    /// <summary>Gets the sender's name for display.</summary>
    public string? SenderName { get; init; }

    /// <summary>Gets the sender's e-mail address, where it is known.</summary>
    public string? SenderEmail { get; init; }

    /// <summary>Gets the attached files.</summary>
    /// <value>Empty when there are none.</value>
    [JsonConverter(typeof(AttachmentsConverter))]
    public IReadOnlyList<MessageAttachment> Attachments
    {
        // Generated deserialization sets every init property, an absent one to null, and so undoes an initializer.
        get => field ?? [];
        init;
    }

    /// <summary>Gets the application's own data, a JSON object; <see langword="null"/> when there is none.</summary>
    [JsonConverter(typeof(EmptyObjectAsNullConverter))]
    public JsonElement? Metadata { get; init; }

    /// <summary>Gets when the database stored the message, in UTC with microseconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Gets when the message was last edited, in UTC; a log that is read later tells the present text.</summary>
    /// <value><see langword="null"/> when it was not.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? EditedAt { get; init; }

    /// <summary>Gets when the message was deleted, in UTC; its content is then empty.</summary>
    /// <value><see langword="null"/> when it was not.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? DeletedAt { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Name => EventNames.MessageCreated;
}

/// <summary>A message was edited (<c>message:updated</c>).</summary>
public sealed record MessageUpdated : StoredEvent
{
    /// <summary>Gets the message's identifier.</summary>
    public required Guid Id { get; init; }

    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets the new text; empty in a log that is read after the message was deleted.</summary>
    public required string Content { get; init; }

    /// <summary>Gets when the message was edited, in UTC.</summary>
    public required DateTimeOffset EditedAt { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Name => EventNames.MessageUpdated;
}

/// <summary>A message was deleted; its tombstone stays (<c>message:deleted</c>).</summary>
public sealed record MessageDeleted : StoredEvent
{
    /// <summary>Gets the message's identifier.</summary>
    public required Guid Id { get; init; }

    /// <inheritdoc/>
    public override required Guid ConversationId { get; init; }

    /// <summary>Gets when the message was deleted, in UTC.</summary>
    public required DateTimeOffset DeletedAt { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public override string Name => EventNames.MessageDeleted;
}

/// <summary>A file attached to a message: what is known of it, not its bytes.</summary>
public sealed record MessageAttachment
{
    /// <summary>Gets the attachment's identifier.</summary>
    public Guid? Id { get; init; }

    /// <summary>Gets the file's name.</summary>
    public required string FileName { get; init; }

    /// <summary>Gets the file's media type, for example <c>image/png</c>.</summary>
    public required string ContentType { get; init; }

    /// <summary>Gets the file's size in bytes.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Gets where the file lies in Supabase Storage.</summary>
    public required string StoragePath { get; init; }
}

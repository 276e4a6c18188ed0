using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime;

/// <summary>A message to be sent.</summary>
/// <remarks>It keeps copies: what the application does later to its list of attachments or to its JSON document does not change it.</remarks>
public sealed record OutgoingMessage
{
    /// <summary>Initializes a message.</summary>
    /// <param name="content">The text, at most 16,000 characters.</param>
    public OutgoingMessage(string content)
    {
        ArgumentNullException.ThrowIfNull(content);
        Content = content;
    }

    /// <summary>Gets the message's identifier.</summary>
    /// <value>The default is a new UUID of version 7. Sending a message again with the same identifier stores it once.</value>
    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>Gets the text, at most 16,000 characters.</summary>
    public string Content { get; }

    /// <summary>Gets files that are already in Supabase Storage, at most 10. The default is none.</summary>
    /// <exception cref="ArgumentException">The list, or one of its attachments, is null.</exception>
    public IReadOnlyList<MessageAttachment> Attachments
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            MessageAttachment[] copy = [.. value];
            field = Array.IndexOf(copy, null) < 0 ? copy : throw new ArgumentException("An attachment is null.", nameof(value));
        }
    } = [];

    /// <summary>Gets the application's own data, a JSON object of at most 8 kB. The default is none.</summary>
    /// <exception cref="ArgumentException">It is a <see cref="JsonElement"/> without a value.</exception>
    /// <exception cref="ObjectDisposedException">Its <see cref="JsonDocument"/> was disposed.</exception>
    public JsonElement? Metadata
    {
        get;
        init => field = value is not { ValueKind: JsonValueKind.Undefined }
            ? value?.Clone()
            : throw new ArgumentException("Metadata is a JsonElement without a value. Leave it out where there is none.", nameof(value));
    }
}

using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime;

/// <summary>A message to be sent.</summary>
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
    public IReadOnlyList<MessageAttachment> Attachments { get; init; } = [];

    /// <summary>Gets the application's own data, a JSON object of at most 8 kB. The default is none.</summary>
    public JsonElement? Metadata { get; init; }
}

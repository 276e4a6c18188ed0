using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Server.Widgets;

internal sealed record WidgetAuthResponse(
    Guid ConversationId,
    Guid VisitorId,
    Guid OrganizationId,
    string AccessToken,
    DateTimeOffset ExpiresAt,
    string SupabaseUrl,
    string ApiKey,
    WidgetChannels Channels);

/// <summary>Names of the standard; their topic at Realtime is <c>bcast:</c> and the name.</summary>
internal sealed record WidgetChannels(string Conversation, string Typing);

/// <summary>Cursor is what to pass as before or after, whichever was used, for the next page; null when this page is empty and final.</summary>
internal sealed record WidgetMessagesResponse(IReadOnlyList<WidgetMessage> Messages, long? Cursor, bool HasMore);

internal sealed record WidgetMessage(
    long Sequence,
    Guid Id,
    Guid ConversationId,
    Guid OrganizationId,
    string Content,
    SenderType SenderType,
    string? SenderId,
    string? SenderName,
    string? SenderEmail,
    IReadOnlyList<MessageAttachment> Attachments,
    JsonElement? Metadata,
    DateTimeOffset CreatedAt)
{
    public static WidgetMessage Of(MessageCreated message) => new(
        message.Sequence,
        message.Id,
        message.ConversationId,
        message.OrganizationId,
        message.Content,
        message.SenderType,
        message.SenderId,
        message.SenderName,
        message.SenderEmail,
        message.Attachments,
        message.Metadata,
        message.CreatedAt);
}

[JsonSerializable(typeof(WidgetAuthResponse))]
[JsonSerializable(typeof(WidgetMessagesResponse))]
[JsonSerializable(typeof(WidgetMessage))]
[JsonSerializable(typeof(ReadReceipt))]
internal sealed partial class WidgetResponseJsonContext : JsonSerializerContext
{
    /// <summary>Letters stay as they are, as in ASP.NET Core: escaped, a message in most scripts would be several times as long.</summary>
    public static WidgetResponseJsonContext CamelCase { get; } = new(new JsonSerializerOptions
    {
        Converters = { new UtcTimeConverter() },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,

        // What another participant has stored must come out again, however deeply it is nested.
        MaxDepth = int.MaxValue,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    });
}

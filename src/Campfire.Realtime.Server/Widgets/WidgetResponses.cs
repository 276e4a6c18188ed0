using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;

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
internal sealed record WidgetMessagesResponse(IReadOnlyList<MessageCreated> Messages, long? Cursor, bool HasMore);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WidgetAuthResponse))]
[JsonSerializable(typeof(WidgetMessagesResponse))]
[JsonSerializable(typeof(MessageCreated))]
[JsonSerializable(typeof(ReadReceipt))]
internal sealed partial class WidgetResponseJsonContext : JsonSerializerContext
{
    /// <summary>Leaves letters as they are, as ASP.NET Core does: escaped, a message in most scripts would be several times as long.</summary>
    public static WidgetResponseJsonContext Unescaped { get; } =
        new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}

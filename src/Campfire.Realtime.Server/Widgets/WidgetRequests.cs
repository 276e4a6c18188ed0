using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Server.Widgets;

internal sealed record WidgetAuthRequest(
    Guid? OrganizationId = null, string? WidgetKey = null, Guid? VisitorId = null, Guid? ConversationId = null, string? Name = null, string? Email = null);

internal sealed record WidgetMessageRequest(
    Guid? Id = null, string? Content = null, IReadOnlyList<MessageAttachment>? Attachments = null, JsonElement? Metadata = null);

internal sealed record WidgetTypingRequest(bool? IsTyping = null, string? Name = null);

internal sealed record WidgetReadRequest(long? ReadThrough = null, long? DeliveredThrough = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(WidgetAuthRequest))]
[JsonSerializable(typeof(WidgetMessageRequest))]
[JsonSerializable(typeof(WidgetTypingRequest))]
[JsonSerializable(typeof(WidgetReadRequest))]
internal sealed partial class WidgetRequestJsonContext : JsonSerializerContext;

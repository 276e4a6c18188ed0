using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Rest;

internal sealed record SendMessageArguments(
    Guid PConversationId, Guid PId, string PContent, IReadOnlyList<MessageAttachment>? PAttachments = null, JsonElement? PMetadata = null);

internal sealed record EventsArguments(Guid PConversationId, long PAfter, int PLimit);

internal sealed record EventsPage(IReadOnlyList<LoggedEvent> Events, long LastSequence, bool HasMore);

internal sealed record LoggedEvent(string Event, JsonElement Payload);

internal sealed record MessagesArguments(Guid PConversationId, long? PBefore, int PLimit);

internal sealed record MessagesPage(IReadOnlyList<JsonElement> Messages, bool HasMore);

internal sealed record ConversationsArguments(
    Guid POrganizationId, string? PStatus = null, DateTimeOffset? PUpdatedAfter = null, DateTimeOffset? PBefore = null, Guid? PBeforeId = null, int PLimit = 200);

internal sealed record ConversationsPage(IReadOnlyList<JsonElement> Conversations, bool HasMore, DateTimeOffset ServerTime);

internal sealed record MarkArguments(Guid PConversationId, long? PDeliveredThrough, long? PReadThrough);

internal sealed record RpcErrorBody(string? Code, string? Message, string? Details, string? Hint);

/// <remarks>
/// No limit of depth: a page holds what participants stored, and one that nests its metadata deeply must not make a conversation
/// unreadable for everybody. What is read into values of ours has a shape of its own, and the rest is not read recursively.
/// </remarks>
[JsonSourceGenerationOptions(
    Converters = [typeof(UtcTimeConverter)],
    MaxDepth = int.MaxValue,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SendMessageArguments))]
[JsonSerializable(typeof(EventsArguments))]
[JsonSerializable(typeof(EventsPage))]
[JsonSerializable(typeof(MessagesArguments))]
[JsonSerializable(typeof(MessagesPage))]
[JsonSerializable(typeof(ConversationsArguments))]
[JsonSerializable(typeof(ConversationsPage))]
[JsonSerializable(typeof(MarkArguments))]
[JsonSerializable(typeof(MessageCreated))]
[JsonSerializable(typeof(ReadReceipt))]
internal sealed partial class RpcJsonContext : JsonSerializerContext;

/// <summary>Apart, because every field of an error is optional, also for PostgREST.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RpcErrorBody))]
internal sealed partial class RpcErrorJsonContext : JsonSerializerContext;

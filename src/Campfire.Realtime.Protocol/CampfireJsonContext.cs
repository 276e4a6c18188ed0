using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol;

/// <summary>Source-generated JSON of every payload of the standard: snake_case, one shape live and from the log.</summary>
[JsonSourceGenerationOptions(
    Converters = [typeof(UtcTimeConverter)],
    MaxDepth = FrameReader.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(MessageCreated))]
[JsonSerializable(typeof(MessageUpdated))]
[JsonSerializable(typeof(MessageDeleted))]
[JsonSerializable(typeof(MessageAttachment))]
[JsonSerializable(typeof(ConversationSummary))]
[JsonSerializable(typeof(ReadReceipt))]
[JsonSerializable(typeof(TypingNotice))]
[JsonSerializable(typeof(AiResponseDelta))]
[JsonSerializable(typeof(HandoverRequested))]
[JsonSerializable(typeof(HandoverCompleted))]
[JsonSerializable(typeof(VisitorActivity))]
public sealed partial class CampfireJsonContext : JsonSerializerContext;

using System.Text.Json.Serialization;

namespace Campfire.Realtime.Presence;

internal sealed record PresencePush(string Type, string Event, PresenceDetails? Payload);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PresenceDetails))]
[JsonSerializable(typeof(PresencePush))]
internal sealed partial class PresenceJsonContext : JsonSerializerContext;

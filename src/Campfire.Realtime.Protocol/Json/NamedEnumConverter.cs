using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Reads and writes an enum as its lower-case name; a number is an error, because it would silently become some member.</summary>
internal sealed class NamedEnumConverter<TEnum>() : JsonStringEnumConverter<TEnum>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where TEnum : struct, Enum;

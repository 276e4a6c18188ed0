using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Reads and writes an enum as exactly its lower-case name.</summary>
/// <remarks>The converter of the BCL also takes other cases and lists: it reads <c>"visitor,agent"</c> as an agent.</remarks>
internal sealed class NamedEnumConverter<TEnum> : JsonConverter<TEnum>
    where TEnum : struct, Enum
{
    private static readonly (TEnum Value, JsonEncodedText Name)[] Members =
        [.. Enum.GetValues<TEnum>().Select(value => (value, JsonEncodedText.Encode(JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()))))];

    public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType is JsonTokenType.String)
        {
            foreach ((TEnum value, JsonEncodedText name) in Members)
            {
                if (reader.ValueTextEquals(name.EncodedUtf8Bytes))
                    return value;
            }
        }

        throw new JsonException($"The value is no {typeof(TEnum).Name}.");
    }

    public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options)
    {
        foreach ((TEnum member, JsonEncodedText name) in Members)
        {
            if (EqualityComparer<TEnum>.Default.Equals(member, value))
            {
                writer.WriteStringValue(name);
                return;
            }
        }

        throw new JsonException($"{value} is no member of {typeof(TEnum).Name}.");
    }
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Reads <c>{}</c> as nothing: most messages carry no metadata, and an empty document would be the costliest part of the event.</summary>
internal sealed class EmptyObjectAsNullConverter : JsonConverter<JsonElement?>
{
    public override JsonElement? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType is JsonTokenType.Null)
            return null;
        if (reader.TokenType is not JsonTokenType.StartObject)
            throw new JsonException("Metadata is a JSON object.");

        Utf8JsonReader ahead = reader;
        if (ahead.Read() && ahead.TokenType is JsonTokenType.EndObject)
        {
            reader = ahead;
            return null;
        }

        return JsonElement.ParseValue(ref reader);
    }

    public override void Write(Utf8JsonWriter writer, JsonElement? value, JsonSerializerOptions options)
    {
        if (value is { } element)
        {
            element.WriteTo(writer);
            return;
        }

        writer.WriteStartObject();
        writer.WriteEndObject();
    }
}

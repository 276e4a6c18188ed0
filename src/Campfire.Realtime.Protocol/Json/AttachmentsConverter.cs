using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Reads attachments, none of which may be null: the annotations of a list's elements are not checked by the serializer.</summary>
internal sealed class AttachmentsConverter : JsonConverter<IReadOnlyList<MessageAttachment>>
{
    public override IReadOnlyList<MessageAttachment> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType is not JsonTokenType.StartArray)
            throw new JsonException("Attachments are an array.");

        List<MessageAttachment>? attachments = null;
        while (reader.Read() && reader.TokenType is not JsonTokenType.EndArray)
        {
            MessageAttachment? attachment = JsonSerializer.Deserialize(ref reader, CampfireJsonContext.Default.MessageAttachment);
            (attachments ??= []).Add(attachment ?? throw new JsonException("An attachment is null."));
        }

        return attachments ?? (IReadOnlyList<MessageAttachment>)[];
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<MessageAttachment> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (MessageAttachment attachment in value)
            JsonSerializer.Serialize(writer, attachment, CampfireJsonContext.Default.MessageAttachment);
        writer.WriteEndArray();
    }
}

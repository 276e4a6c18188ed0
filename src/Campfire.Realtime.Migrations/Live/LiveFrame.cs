using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Live;

// A frame of Phoenix, version 2.0.0. A broadcast has its own event and payload, in whichever of the two forms it came.
internal sealed record LiveFrame(string? Ref, string Topic, string Event, JsonNode? Payload)
{
    private const byte UserBroadcast = 4;

    public static LiveFrame? Parse(ReadOnlyMemory<byte> message, bool isText)
    {
        try
        {
            return isText ? ParseText(message.Span) : ParseBinary(message.Span);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            // What is no frame of the protocol answers nothing that is waited for; the wait says so when it ends.
            return null;
        }
    }

    // What stands at the end of a path of properties, if it is a text.
    public string? Text(params ReadOnlySpan<string> path)
    {
        JsonNode? node = Payload;
        foreach (string property in path)
            node = (node as JsonObject)?[property];
        return node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
    }

    public static byte[] Format(string joinRef, string reference, string topic, string phoenixEvent, JsonNode payload) =>
        Encoding.UTF8.GetBytes(new JsonArray(joinRef, reference, topic, phoenixEvent, payload).ToJsonString());

    private static LiveFrame? ParseText(ReadOnlySpan<byte> message)
    {
        if (JsonNode.Parse(message) is not JsonArray { Count: 5 } array)
            return null;
        var (topic, phoenixEvent, payload) = ((string)array[2]!, (string)array[3]!, array[4]);
        return phoenixEvent == "broadcast" && payload is JsonObject broadcast && broadcast["event"] is { } userEvent
            ? new(null, topic, (string)userEvent!, broadcast["payload"])
            : new((string?)array[1], topic, phoenixEvent, payload);
    }

    private static LiveFrame? ParseBinary(ReadOnlySpan<byte> message)
    {
        if (message.Length < 5 || message[0] != UserBroadcast)
            return null;
        int topicEnd = 5 + message[1];
        int eventEnd = topicEnd + message[2];
        ReadOnlySpan<byte> payload = message[(eventEnd + message[3])..];
        return new(
            null,
            Encoding.UTF8.GetString(message[5..topicEnd]),
            Encoding.UTF8.GetString(message[topicEnd..eventEnd]),
            message[4] == 0 ? null : JsonNode.Parse(payload));
    }
}

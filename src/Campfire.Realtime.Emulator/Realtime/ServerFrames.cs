using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Emulator.Realtime;

internal static class ServerFrames
{
    private static readonly JsonWriterOptions _relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static ReadOnlySpan<byte> EmptyObject => "{}"u8;

    public static OutboundFrame Push(
        WireVersion version,
        ReadOnlySpan<byte> joinRef,
        ReadOnlySpan<byte> reference,
        ReadOnlySpan<byte> topic,
        ReadOnlySpan<byte> phoenixEvent,
        ReadOnlySpan<byte> payload)
    {
        var bytes = new ArrayBufferWriter<byte>(payload.Length + topic.Length + 128);
        FrameWriter.WriteText(bytes, version, WireDirection.ToClient, joinRef, reference, topic, phoenixEvent, payload);
        return OutboundFrame.Text(bytes.WrittenMemory);
    }

    public static OutboundFrame Ok(WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> reference, ReadOnlySpan<byte> topic) =>
        Push(version, joinRef, reference, topic, PhoenixEvents.Reply, """{"status":"ok","response":{}}"""u8);

    public static OutboundFrame Ok(
        WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> reference, ReadOnlySpan<byte> topic, string response) =>
        Push(version, joinRef, reference, topic, PhoenixEvents.Reply, Encoding.UTF8.GetBytes($$"""{"status":"ok","response":{{response}}}"""));

    public static OutboundFrame Error(
        WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> reference, ReadOnlySpan<byte> topic, string response) =>
        Push(version, joinRef, reference, topic, PhoenixEvents.Reply, Encoding.UTF8.GetBytes($$"""{"status":"error","response":{{response}}}"""));

    public static OutboundFrame Refusal(
        WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> reference, ReadOnlySpan<byte> topic, string reason) =>
        Error(version, joinRef, reference, topic, $$"""{"reason":{{JsonString(reason)}}}""");

    public static OutboundFrame System(
        WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> topic, string extension, string status, string message, string? channel)
    {
        var payload = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(payload, _relaxed))
        {
            json.WriteStartObject();
            json.WriteString("message"u8, message);
            json.WriteString("status"u8, status);
            json.WriteString("extension"u8, extension);
            if (channel is not null)
                json.WriteString("channel"u8, channel);
            json.WriteEndObject();
        }
        return Push(version, joinRef, default, topic, PhoenixEvents.System, payload.WrittenSpan);
    }

    public static OutboundFrame Closed(WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> topic) =>
        Push(version, joinRef, joinRef, topic, PhoenixEvents.Close, EmptyObject);

    public static OutboundFrame Crashed(WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> topic) =>
        Push(version, joinRef, joinRef, topic, PhoenixEvents.Error, """{"reason":"channel_crash"}"""u8);

    public static string JsonString(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";
}

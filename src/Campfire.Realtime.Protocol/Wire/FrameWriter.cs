using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Campfire.Realtime.Protocol.Wire;

/// <summary>Writes frames of both versions and both directions.</summary>
/// <remarks>An empty <c>joinRef</c> or <c>ref</c> is written as null in text. Payloads are trusted JSON and written as they are.</remarks>
internal static class FrameWriter
{
    public const int MaxFieldBytes = 255;

    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static void WriteText(
        IBufferWriter<byte> output, WireVersion version, WireDirection direction,
        ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payloadJson)
    {
        using var json = new Utf8JsonWriter(output, JsonOptions);
        if (version is WireVersion.V2)
        {
            json.WriteStartArray();
            WriteNullable(json, joinRef);
            WriteNullable(json, @ref);
            json.WriteStringValue(topic);
            json.WriteStringValue(@event);
            json.WriteRawValue(payloadJson, skipInputValidation: true);
            json.WriteEndArray();
            return;
        }

        json.WriteStartObject();
        json.WriteString("topic"u8, topic);
        json.WriteString("event"u8, @event);
        json.WritePropertyName("payload"u8);
        json.WriteRawValue(payloadJson, skipInputValidation: true);
        json.WritePropertyName("ref"u8);
        WriteNullable(json, @ref);
        if (direction is WireDirection.ToServer)
        {
            json.WritePropertyName("join_ref"u8);
            WriteNullable(json, joinRef);
        }

        json.WriteEndObject();
    }

    /// <summary>Kind 0 to the server.</summary>
    public static void WritePush(
        IBufferWriter<byte> output, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload)
    {
        var header = new Header(output, FrameKind.Push, 5, Length(joinRef) + Length(@ref) + Length(topic) + Length(@event));
        header.Add(joinRef);
        header.Add(@ref);
        header.Add(topic);
        header.Add(@event);
        header.Commit();
        output.Write(payload);
    }

    /// <summary>Kind 0 to the client, which has no ref.</summary>
    public static void WritePushToClient(
        IBufferWriter<byte> output, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload)
    {
        var header = new Header(output, FrameKind.Push, 4, Length(joinRef) + Length(topic) + Length(@event));
        header.Add(joinRef);
        header.Add(topic);
        header.Add(@event);
        header.Commit();
        output.Write(payload);
    }

    /// <summary>Kind 1.</summary>
    public static void WriteReply(
        IBufferWriter<byte> output, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> status, ReadOnlySpan<byte> payload)
    {
        var header = new Header(output, FrameKind.Reply, 5, Length(joinRef) + Length(@ref) + Length(topic) + Length(status));
        header.Add(joinRef);
        header.Add(@ref);
        header.Add(topic);
        header.Add(status);
        header.Commit();
        output.Write(payload);
    }

    /// <summary>Kind 2.</summary>
    public static void WriteBroadcast(IBufferWriter<byte> output, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload)
    {
        var header = new Header(output, FrameKind.Broadcast, 3, Length(topic) + Length(@event));
        header.Add(topic);
        header.Add(@event);
        header.Commit();
        output.Write(payload);
    }

    /// <summary>Kind 3. The payload is the rest of the frame, so a caller may also pass nothing here and write it behind.</summary>
    public static void WriteUserBroadcastPush(
        IBufferWriter<byte> output, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> userEvent,
        ReadOnlySpan<byte> metadata, bool isBinaryPayload, ReadOnlySpan<byte> payload)
    {
        var header = new Header(
            output, FrameKind.UserBroadcastPush, 7, Length(joinRef) + Length(@ref) + Length(topic) + Length(userEvent) + Length(metadata));
        header.Add(joinRef);
        header.Add(@ref);
        header.Add(topic);
        header.Add(userEvent);
        header.Add(metadata);
        header.AddEncoding(isBinaryPayload);
        header.Commit();
        output.Write(payload);
    }

    /// <summary>Kind 4. The payload is the rest of the frame, so a caller may also pass nothing here and write it behind.</summary>
    public static void WriteUserBroadcast(
        IBufferWriter<byte> output, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> userEvent, ReadOnlySpan<byte> metadata, bool isBinaryPayload, ReadOnlySpan<byte> payload)
    {
        var header = new Header(output, FrameKind.UserBroadcast, 5, Length(topic) + Length(userEvent) + Length(metadata));
        header.Add(topic);
        header.Add(userEvent);
        header.Add(metadata);
        header.AddEncoding(isBinaryPayload);
        header.Commit();
        output.Write(payload);
    }

    private static void WriteNullable(Utf8JsonWriter json, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            json.WriteNullValue();
        else
            json.WriteStringValue(text);
    }

    private static int Length(ReadOnlySpan<byte> field) => field.Length <= MaxFieldBytes
        ? field.Length
        : throw new ArgumentException($"A field of {field.Length} bytes does not fit a binary frame; each of join_ref, ref, topic, event and metadata takes at most {MaxFieldBytes} bytes of UTF-8.");

    private ref struct Header
    {
        private readonly IBufferWriter<byte> _output;
        private readonly Span<byte> _span;
        private readonly int _length;
        private int _lengthAt;
        private int _fieldAt;

        public Header(IBufferWriter<byte> output, FrameKind kind, int headerLength, int fieldsLength)
        {
            _output = output;
            _length = headerLength + fieldsLength;
            _span = output.GetSpan(_length);
            _span[0] = (byte)kind;
            _lengthAt = 1;
            _fieldAt = headerLength;
        }

        public void Add(ReadOnlySpan<byte> field)
        {
            _span[_lengthAt++] = (byte)field.Length;
            field.CopyTo(_span[_fieldAt..]);
            _fieldAt += field.Length;
        }

        public void AddEncoding(bool isBinaryPayload) => _span[_lengthAt] = isBinaryPayload ? (byte)0 : (byte)1;

        public readonly void Commit() => _output.Advance(_length);
    }
}

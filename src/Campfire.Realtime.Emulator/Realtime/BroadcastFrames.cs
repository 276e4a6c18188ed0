using System.Buffers;
using System.Text;
using System.Text.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Emulator.Realtime;

// One broadcast on its way to many sockets: each form is encoded once, when the first socket needs it.
// Which origin takes which form: Realtime's message dispatcher, restated in the wire reference.
internal sealed class BroadcastFrames
{
    private readonly byte[] _topic;
    private readonly ReadOnlyMemory<byte> _event;
    private readonly ReadOnlyMemory<byte> _metadata;
    private readonly ReadOnlyMemory<byte> _payload;
    private readonly bool _isEnvelope;
    private readonly bool _isBinary;
    private OutboundFrame? _version1;
    private OutboundFrame? _version2;

    private BroadcastFrames(
        byte[] topic,
        ReadOnlyMemory<byte> userEvent,
        ReadOnlyMemory<byte> metadata,
        ReadOnlyMemory<byte> payload,
        bool isEnvelope,
        bool isBinary,
        string? id)
    {
        _topic = topic;
        _event = userEvent;
        _metadata = metadata;
        _payload = payload;
        _isEnvelope = isEnvelope;
        _isBinary = isBinary;
        Id = id;
    }

    // The row's id, when the broadcast came from the database.
    public string? Id { get; }

    // Relayed as text, exactly as it was written by its sender.
    public static BroadcastFrames Envelope(byte[] topic, ReadOnlyMemory<byte> payload) =>
        new(topic, default, default, payload, isEnvelope: true, isBinary: false, id: null);

    // Null when a field does not fit the one-byte lengths of a binary frame; Realtime loses such a broadcast too.
    public static BroadcastFrames? User(
        byte[] topic, ReadOnlyMemory<byte> userEvent, ReadOnlyMemory<byte> payload, bool isBinary, string? id = null, bool isReplayed = false)
    {
        var metadata = id is null ? [] : Encoding.UTF8.GetBytes(isReplayed ? $$"""{"id":"{{id}}","replayed":true}""" : $$"""{"id":"{{id}}"}""");
        return topic.Length > FrameWriter.MaxFieldBytes || userEvent.Length > FrameWriter.MaxFieldBytes
            ? null
            : new BroadcastFrames(topic, userEvent, metadata, payload, isEnvelope: false, isBinary, id);
    }

    // Null when members of that version do not get this broadcast.
    public OutboundFrame? For(WireVersion version) => version == WireVersion.V2
        ? _version2 ??= _isEnvelope ? AsText(WireVersion.V2, default) : AsUserBroadcast()
        : _version1 ??= _isBinary ? null : AsText(WireVersion.V1, default);

    // A replayed JSON row is text in both versions, and names the channel instance that asked for it.
    public OutboundFrame? Replayed(WireVersion version, ReadOnlySpan<byte> joinRef) =>
        _isBinary ? For(version) : AsText(version, joinRef);

    // The payload, for the record of a fault.
    public string Describe() => _isBinary ? Convert.ToBase64String(_payload.Span) : Encoding.UTF8.GetString(_payload.Span);

    private OutboundFrame AsUserBroadcast()
    {
        var bytes = new ArrayBufferWriter<byte>(_topic.Length + _event.Length + _metadata.Length + _payload.Length + 8);
        FrameWriter.WriteUserBroadcast(bytes, _topic, _event.Span, _metadata.Span, _isBinary, _payload.Span);
        return OutboundFrame.Binary(bytes.WrittenMemory);
    }

    private OutboundFrame AsText(WireVersion version, ReadOnlySpan<byte> joinRef)
    {
        if (_isEnvelope)
            return ServerFrames.Push(version, joinRef, default, _topic, PhoenixEvents.Broadcast, _payload.Span);

        var envelope = new ArrayBufferWriter<byte>(_payload.Length + _event.Length + _metadata.Length + 64);
        using (var json = new Utf8JsonWriter(envelope, new JsonWriterOptions { SkipValidation = true }))
        {
            json.WriteStartObject();
            json.WriteString("event"u8, _event.Span);
            if (!_metadata.IsEmpty)
            {
                json.WritePropertyName("meta"u8);
                json.WriteRawValue(_metadata.Span, skipInputValidation: true);
            }
            json.WritePropertyName("payload"u8);
            json.WriteRawValue(_payload.Span, skipInputValidation: true);
            json.WriteString("type"u8, "broadcast"u8);
            json.WriteEndObject();
        }
        return ServerFrames.Push(version, joinRef, default, _topic, PhoenixEvents.Broadcast, envelope.WrittenSpan);
    }
}

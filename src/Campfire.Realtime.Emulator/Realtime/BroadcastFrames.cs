using System.Buffers;
using System.Text;
using System.Text.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Emulator.Realtime;

// One broadcast on its way to many sockets: each form is encoded once, when the first socket needs it.
// Which origin takes which form: Realtime's message dispatcher, restated in the wire reference.
internal sealed class BroadcastFrames
{
    private readonly Form _form;
    private readonly byte[] _topic;
    private readonly ReadOnlyMemory<byte> _event;
    private readonly ReadOnlyMemory<byte> _metadata;
    private readonly ReadOnlyMemory<byte> _payload;
    private OutboundFrame? _version1;
    private OutboundFrame? _version2;
    private string? _id;
    private bool _isIdKnown;

    private BroadcastFrames(
        Form form, byte[] topic, ReadOnlyMemory<byte> userEvent, ReadOnlyMemory<byte> metadata, ReadOnlyMemory<byte> payload, string? id)
    {
        _form = form;
        _topic = topic;
        _event = userEvent;
        _metadata = metadata;
        _payload = payload;
        _id = id;
        _isIdKnown = form is not Form.Envelope;
        IsRow = id is not null;
    }

    private enum Form
    {
        // Text whose payload goes out as it came in.
        Envelope,
        UserJson,
        UserBinary,

        // The bytes of a kind 0 push, which go on as kind 2.
        Bytes,

        // JSON, but no object: Realtime cannot encode it for anybody.
        Unencodable,
    }

    public bool IsRow { get; }

    // The id of the row that it came from, or the one in its meta. Looked for only when a member has replayed rows.
    public string? Id
    {
        get
        {
            if (!_isIdKnown)
                _id = ReadId();
            _isIdKnown = true;
            return _id;
        }
    }

    // Relayed as text, exactly as it was written by its sender.
    public static BroadcastFrames Envelope(byte[] topic, ReadOnlyMemory<byte> payload) =>
        new(payload.Span is [(byte)'{', ..] ? Form.Envelope : Form.Unencodable, topic, default, default, payload, id: null);

    public static BroadcastFrames Bytes(byte[] topic, ReadOnlyMemory<byte> payload) => new(Form.Bytes, topic, default, default, payload, id: null);

    public static BroadcastFrames User(
        byte[] topic, ReadOnlyMemory<byte> userEvent, ReadOnlyMemory<byte> payload, bool isBinary, string? id = null, bool isReplayed = false)
    {
        var metadata = id is null ? [] : Encoding.UTF8.GetBytes(isReplayed ? $$"""{"id":"{{id}}","replayed":true}""" : $$"""{"id":"{{id}}"}""");
        return new BroadcastFrames(isBinary ? Form.UserBinary : Form.UserJson, topic, userEvent, metadata, payload, id);
    }

    // False for what a serializer raises on: a field that does not fit the one-byte lengths, or a payload it does not know.
    public bool CanBeEncodedFor(WireVersion version) => _form switch
    {
        Form.Envelope => true,
        Form.UserJson or Form.UserBinary => version == WireVersion.V1 || (_topic.Length <= FrameWriter.MaxFieldBytes && _event.Length <= FrameWriter.MaxFieldBytes),
        Form.Bytes => version == WireVersion.V2,
        _ => false,
    };

    // Null when members of that version do not get this broadcast.
    public OutboundFrame? For(WireVersion version) => version == WireVersion.V2
        ? _version2 ??= _form switch
        {
            Form.Envelope => AsText(WireVersion.V2, default),
            Form.Bytes => AsBytes(),
            _ => AsUserBroadcast(),
        }
        : _version1 ??= _form == Form.UserBinary ? null : AsText(WireVersion.V1, default);

    // A replayed JSON row is text in both versions, and names the channel instance that asked for it.
    public OutboundFrame? Replayed(WireVersion version, ReadOnlySpan<byte> joinRef)
    {
        if (_form == Form.UserJson)
            return AsText(version, joinRef);
        return CanBeEncodedFor(version) ? For(version) : null;
    }

    // The payload, for the record of a fault.
    public string Describe() => _form is Form.UserBinary or Form.Bytes ? Convert.ToBase64String(_payload.Span) : Encoding.UTF8.GetString(_payload.Span);

    private OutboundFrame AsUserBroadcast()
    {
        var bytes = new ArrayBufferWriter<byte>(_topic.Length + _event.Length + _metadata.Length + _payload.Length + 8);
        FrameWriter.WriteUserBroadcast(bytes, _topic, _event.Span, _metadata.Span, _form == Form.UserBinary, _payload.Span);
        return OutboundFrame.Binary(bytes.WrittenMemory);
    }

    private OutboundFrame AsBytes()
    {
        var bytes = new ArrayBufferWriter<byte>(_topic.Length + _payload.Length + 16);
        FrameWriter.WriteBroadcast(bytes, _topic, PhoenixEvents.Broadcast, _payload.Span);
        return OutboundFrame.Binary(bytes.WrittenMemory);
    }

    private OutboundFrame AsText(WireVersion version, ReadOnlySpan<byte> joinRef)
    {
        if (_form == Form.Envelope)
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

    private string? ReadId()
    {
        using var document = JsonDocument.Parse(_payload, new JsonDocumentOptions { MaxDepth = FrameReader.MaxDepth });
        return document.RootElement.TryGetProperty("meta"u8, out var meta)
            && meta.ValueKind == JsonValueKind.Object
            && meta.TryGetProperty("id"u8, out var id)
            ? Hosting.JsonText.Read(id)
            : null;
    }
}

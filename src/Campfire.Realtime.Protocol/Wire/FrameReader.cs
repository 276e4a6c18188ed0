using System.Text.Json;
using System.Text.Unicode;

namespace Campfire.Realtime.Protocol.Wire;

/// <summary>Reads frames of both versions and both directions. Never throws for what a peer sent.</summary>
internal static class FrameReader
{
    public const int MaxDepth = 512;

    /// <summary>Views into a frame are read with the depth of the frame, so that what was accepted once is accepted again.</summary>
    public static readonly JsonReaderOptions JsonOptions = new() { MaxDepth = MaxDepth };

    public static bool TryReadText(ReadOnlySpan<byte> utf8, WireVersion version, out Frame frame, out WireError error)
    {
        frame = default;
        if (utf8.IsEmpty)
        {
            error = new WireError(WireErrorCode.Empty, "a text frame without a byte");
            return false;
        }

        // The JSON reader looks at no byte inside of a string.
        if (!Utf8.IsValid(utf8))
        {
            error = WireError.NotUtf8("the frame");
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(utf8, JsonOptions);
            return version is WireVersion.V2
                ? TryReadArray(utf8, ref reader, out frame, out error)
                : TryReadObject(utf8, ref reader, out frame, out error);
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            frame = default;
            error = WireError.NotJson("the frame", e);
            return false;
        }
    }

    public static bool TryReadBinary(ReadOnlySpan<byte> bytes, WireDirection direction, out Frame frame, out WireError error)
    {
        frame = default;
        if (bytes.IsEmpty)
        {
            error = new WireError(WireErrorCode.Empty, "a binary frame without a byte");
            return false;
        }

        var kind = (FrameKind)bytes[0];
        int headerLength = kind switch
        {
            FrameKind.Push => direction is WireDirection.ToServer ? 5 : 4,
            FrameKind.Reply => 5,
            FrameKind.Broadcast => 3,
            FrameKind.UserBroadcastPush => 7,
            FrameKind.UserBroadcast => 5,
            _ => 0,
        };
        if (headerLength == 0)
        {
            error = new WireError(WireErrorCode.UnknownKind, $"binary kind {bytes[0]}");
            return false;
        }

        var fields = new Fields(bytes, headerLength);
        if (!fields.Fits(kind is FrameKind.UserBroadcastPush or FrameKind.UserBroadcast))
        {
            error = new WireError(WireErrorCode.Truncated, $"binary kind {bytes[0]} of {bytes.Length} bytes ends inside its header fields");
            return false;
        }

        error = default;
        frame = kind switch
        {
            FrameKind.Push when direction is WireDirection.ToServer => Named(kind, fields.Next(), fields.Next(), fields.Next(), fields.Next(), fields.Rest),
            FrameKind.Push => Named(kind, fields.Next(), default, fields.Next(), fields.Next(), fields.Rest),
            FrameKind.Reply => Reply(fields.Next(), fields.Next(), fields.Next(), fields.Next(), fields.Rest),
            FrameKind.Broadcast => Named(kind, default, default, fields.Next(), fields.Next(), fields.Rest),
            FrameKind.UserBroadcastPush => User(kind, fields.Next(), fields.Next(), fields.Next(), fields.Next(), fields.Next(), fields.Rest, bytes[6]),
            _ => User(kind, default, default, fields.Next(), fields.Next(), fields.Next(), fields.Rest, bytes[4]),
        };
        return true;
    }

    private static Frame Named(
        FrameKind kind, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload) => new()
    {
        Kind = kind,
        JoinRef = joinRef,
        HasJoinRef = !joinRef.IsEmpty,
        Ref = @ref,
        HasRef = !@ref.IsEmpty,
        Topic = topic,
        Event = @event,
        Payload = payload,
        IsBinaryPayload = true,
    };

    private static Frame Reply(
        ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> status, ReadOnlySpan<byte> payload) => new()
    {
        Kind = FrameKind.Reply,
        JoinRef = joinRef,
        HasJoinRef = !joinRef.IsEmpty,
        Ref = @ref,
        HasRef = !@ref.IsEmpty,
        Topic = topic,
        Event = PhoenixEvents.Reply,
        Status = status,
        Payload = payload,
        IsBinaryPayload = true,
    };

    private static Frame User(
        FrameKind kind, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> @ref, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> userEvent,
        ReadOnlySpan<byte> metadata, ReadOnlySpan<byte> payload, byte encoding) => new()
    {
        Kind = kind,
        JoinRef = joinRef,
        HasJoinRef = !joinRef.IsEmpty,
        Ref = @ref,
        HasRef = !@ref.IsEmpty,
        Topic = topic,
        Event = PhoenixEvents.Broadcast,
        UserEvent = userEvent,
        Metadata = metadata,
        Payload = payload,
        IsBinaryPayload = encoding == 0,
    };

    private static bool TryReadArray(ReadOnlySpan<byte> utf8, scoped ref Utf8JsonReader reader, out Frame frame, out WireError error)
    {
        frame = default;
        reader.Read();
        if (reader.TokenType is not JsonTokenType.StartArray)
        {
            error = new WireError(WireErrorCode.NotAFrame, "a vsn 2.0.0 text frame is an array of five");
            return false;
        }

        if (!TryReadText(ref reader, "join_ref", isNullable: true, out ReadOnlySpan<byte> joinRef, out bool hasJoinRef, out error)
            || !TryReadText(ref reader, "ref", isNullable: true, out ReadOnlySpan<byte> @ref, out bool hasRef, out error)
            || !TryReadText(ref reader, "topic", isNullable: false, out ReadOnlySpan<byte> topic, out _, out error)
            || !TryReadText(ref reader, "event", isNullable: false, out ReadOnlySpan<byte> @event, out _, out error))
            return false;

        reader.Read();
        if (reader.TokenType is JsonTokenType.EndArray)
        {
            error = new WireError(WireErrorCode.MissingField, "payload is missing");
            return false;
        }

        ReadOnlySpan<byte> payload = TakeValue(utf8, ref reader);
        SkipToEnd(ref reader, JsonTokenType.EndArray);
        frame = Text(joinRef, hasJoinRef, @ref, hasRef, topic, @event, payload);
        return true;
    }

    private static bool TryReadObject(ReadOnlySpan<byte> utf8, scoped ref Utf8JsonReader reader, out Frame frame, out WireError error)
    {
        frame = default;
        reader.Read();
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            error = new WireError(WireErrorCode.NotAFrame, "a vsn 1.0.0 frame is an object");
            return false;
        }

        ReadOnlySpan<byte> joinRef = default, @ref = default, topic = default, @event = default, payload = default;
        bool hasJoinRef = false, hasRef = false, sawRef = false, sawTopic = false, sawEvent = false, sawPayload = false;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("topic"u8))
            {
                if (!TryReadText(ref reader, "topic", isNullable: false, out topic, out _, out error))
                    return false;
                sawTopic = true;
            }
            else if (reader.ValueTextEquals("event"u8))
            {
                if (!TryReadText(ref reader, "event", isNullable: false, out @event, out _, out error))
                    return false;
                sawEvent = true;
            }
            else if (reader.ValueTextEquals("ref"u8))
            {
                if (!TryReadText(ref reader, "ref", isNullable: true, out @ref, out hasRef, out error))
                    return false;
                sawRef = true;
            }
            else if (reader.ValueTextEquals("join_ref"u8))
            {
                if (!TryReadText(ref reader, "join_ref", isNullable: true, out joinRef, out hasJoinRef, out error))
                    return false;
            }
            else
            {
                bool isPayload = reader.ValueTextEquals("payload"u8);
                reader.Read();
                ReadOnlySpan<byte> value = TakeValue(utf8, ref reader);
                if (isPayload)
                    payload = value;
                sawPayload |= isPayload;
            }
        }

        reader.Read();
        if (!(sawTopic && sawEvent && sawRef && sawPayload))
        {
            string missing = !sawTopic ? "topic" : !sawEvent ? "event" : !sawRef ? "ref" : "payload";
            error = new WireError(WireErrorCode.MissingField, $"{missing} is missing");
            return false;
        }

        error = default;
        frame = Text(joinRef, hasJoinRef, @ref, hasRef, topic, @event, payload);
        return true;
    }

    private static Frame Text(
        ReadOnlySpan<byte> joinRef, bool hasJoinRef, ReadOnlySpan<byte> @ref, bool hasRef, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload) => new()
    {
        Kind = FrameKind.Text,
        JoinRef = joinRef,
        HasJoinRef = hasJoinRef,
        Ref = @ref,
        HasRef = hasRef,
        Topic = topic,
        Event = @event,
        Payload = payload,
    };

    private static bool TryReadText(
        scoped ref Utf8JsonReader reader, string field, bool isNullable, out ReadOnlySpan<byte> value, out bool hasValue, out WireError error)
    {
        value = default;
        hasValue = false;
        error = default;
        reader.Read();
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                value = Unescaped(ref reader);
                hasValue = true;
                return true;
            case JsonTokenType.Null when isNullable:
                return true;
            case JsonTokenType.EndArray or JsonTokenType.EndObject:
                error = new WireError(WireErrorCode.MissingField, $"{field} is missing");
                return false;
            default:
                error = new WireError(WireErrorCode.WrongType, $"{field} is a {reader.TokenType}, not a string");
                return false;
        }
    }

    internal static ReadOnlySpan<byte> Unescaped(scoped ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
            return reader.ValueSpan;

        byte[] copy = new byte[reader.ValueSpan.Length];
        return copy.AsSpan(0, reader.CopyString(copy));
    }

    internal static ReadOnlySpan<byte> TakeValue(ReadOnlySpan<byte> utf8, scoped ref Utf8JsonReader reader)
    {
        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return utf8[start..(int)reader.BytesConsumed];
    }

    private static void SkipToEnd(scoped ref Utf8JsonReader reader, JsonTokenType end)
    {
        while (reader.Read() && !(reader.TokenType == end && reader.CurrentDepth == 0))
            reader.Skip();

        // Once more, so that anything behind the frame is an error.
        reader.Read();
    }

    /// <summary>Walks the fields whose one-byte lengths stand at the start of a binary frame.</summary>
    private ref struct Fields(ReadOnlySpan<byte> bytes, int headerLength)
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _lengthAt = 1;
        private int _fieldAt = headerLength;

        public readonly ReadOnlySpan<byte> Rest => _bytes[_fieldAt..];

        public readonly bool Fits(bool endsWithEncoding)
        {
            if (_bytes.Length < _fieldAt)
                return false;

            int end = _fieldAt;
            foreach (byte length in _bytes[1..(endsWithEncoding ? _fieldAt - 1 : _fieldAt)])
                end += length;
            return end <= _bytes.Length;
        }

        public ReadOnlySpan<byte> Next()
        {
            ReadOnlySpan<byte> field = _bytes.Slice(_fieldAt, _bytes[_lengthAt++]);
            _fieldAt += field.Length;
            return field;
        }
    }
}

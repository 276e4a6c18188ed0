using System.Text.Json;
using System.Text.Unicode;

namespace Campfire.Realtime.Protocol.Wire;

/// <summary>A broadcast, whichever of its two forms it came in: a text frame's envelope, or a user broadcast (kind 3 or 4).</summary>
internal readonly ref struct BroadcastView
{
    public ReadOnlySpan<byte> Event { get; private init; }

    /// <summary>The user's payload: JSON, unless <see cref="IsBinary"/>. Empty when a text envelope has none.</summary>
    public ReadOnlySpan<byte> Payload { get; private init; }

    public bool IsBinary { get; private init; }

    /// <summary>A JSON object with <c>id</c> and <c>replayed</c>, or nothing.</summary>
    public ReadOnlySpan<byte> Metadata { get; private init; }

    public static bool TryRead(in Frame frame, out BroadcastView broadcast, out WireError error)
    {
        if (frame.Kind is FrameKind.UserBroadcast or FrameKind.UserBroadcastPush)
        {
            broadcast = new BroadcastView
            {
                Event = frame.UserEvent,
                Payload = frame.Payload,
                IsBinary = frame.IsBinaryPayload,
                Metadata = frame.Metadata,
            };
            error = default;
            return true;
        }

        // A text frame's bytes were checked as a whole.
        if (frame.Kind is not FrameKind.Text && !Utf8.IsValid(frame.Payload))
        {
            broadcast = default;
            error = WireError.NotUtf8("the broadcast");
            return false;
        }

        return TryReadEnvelope(frame.Payload, out broadcast, out error);
    }

    private static bool TryReadEnvelope(ReadOnlySpan<byte> utf8, out BroadcastView broadcast, out WireError error)
    {
        broadcast = default;
        ReadOnlySpan<byte> name = default, payload = default, metadata = default;
        try
        {
            var reader = new Utf8JsonReader(utf8, FrameReader.JsonOptions);
            reader.Read();
            if (reader.TokenType is not JsonTokenType.StartObject)
            {
                error = new WireError(WireErrorCode.WrongType, "a broadcast's payload is an object");
                return false;
            }

            while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
            {
                bool isEvent = reader.ValueTextEquals("event"u8);
                bool isPayload = reader.ValueTextEquals("payload"u8);
                bool isMetadata = reader.ValueTextEquals("meta"u8);
                reader.Read();
                if (isEvent)
                {
                    if (reader.TokenType is not JsonTokenType.String)
                    {
                        error = new WireError(WireErrorCode.WrongType, "a broadcast's event is a string");
                        return false;
                    }

                    name = FrameReader.Unescaped(ref reader);
                    continue;
                }

                ReadOnlySpan<byte> value = FrameReader.TakeValue(utf8, ref reader);
                if (isPayload)
                    payload = value;
                else if (isMetadata)
                    metadata = value;
            }

            // Once more, so that anything behind the envelope is an error.
            reader.Read();
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            error = WireError.NotJson("the broadcast", e);
            return false;
        }

        if (name.IsEmpty)
        {
            error = new WireError(WireErrorCode.MissingField, "a broadcast without event");
            return false;
        }

        broadcast = new BroadcastView { Event = name, Payload = payload, Metadata = metadata };
        error = default;
        return true;
    }
}

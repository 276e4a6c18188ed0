using System.Text.Json;

namespace Campfire.Realtime.Protocol.Wire;

/// <summary>The answer to a push: <c>phx_reply</c> in text, or binary kind 1.</summary>
internal readonly ref struct ReplyView
{
    public bool IsOk { get; private init; }

    /// <summary>The response: JSON, an object or (for <c>payload_size_exceeded</c>) a bare string.</summary>
    public ReadOnlySpan<byte> Response { get; private init; }

    public static bool TryRead(in Frame frame, out ReplyView reply, out WireError error)
    {
        reply = default;
        error = default;
        if (frame.Kind is FrameKind.Reply)
        {
            reply = new ReplyView { IsOk = frame.Status.SequenceEqual("ok"u8), Response = frame.Payload };
            return true;
        }

        bool sawStatus = false, isOk = false;
        ReadOnlySpan<byte> response = default;
        try
        {
            var reader = new Utf8JsonReader(frame.Payload, FrameReader.JsonOptions);
            reader.Read();
            if (reader.TokenType is not JsonTokenType.StartObject)
            {
                error = new WireError(WireErrorCode.WrongType, "a reply's payload is an object");
                return false;
            }

            while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
            {
                bool isStatus = reader.ValueTextEquals("status"u8);
                bool isResponse = reader.ValueTextEquals("response"u8);
                reader.Read();
                if (isStatus)
                {
                    if (reader.TokenType is not JsonTokenType.String)
                    {
                        error = new WireError(WireErrorCode.WrongType, "a reply's status is a string");
                        return false;
                    }

                    sawStatus = true;
                    isOk = reader.ValueTextEquals("ok"u8);
                }

                ReadOnlySpan<byte> value = FrameReader.TakeValue(frame.Payload, ref reader);
                if (isResponse)
                    response = value;
            }
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            error = WireError.NotJson("the reply", e);
            return false;
        }

        if (!sawStatus)
        {
            error = new WireError(WireErrorCode.MissingField, "a reply without status");
            return false;
        }

        reply = new ReplyView { IsOk = isOk, Response = response };
        return true;
    }

    /// <summary>The server's reason, from either shape of an error response; <see langword="null"/> when it gave none.</summary>
    public string? ReadReason()
    {
        if (Response.IsEmpty)
            return null;

        try
        {
            var reader = new Utf8JsonReader(Response, FrameReader.JsonOptions);
            reader.Read();
            if (reader.TokenType is JsonTokenType.String)
                return reader.GetString();
            if (reader.TokenType is not JsonTokenType.StartObject)
                return null;

            while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
            {
                bool isReason = reader.ValueTextEquals("reason"u8) || reader.ValueTextEquals("error"u8);
                reader.Read();
                if (isReason && reader.TokenType is JsonTokenType.String)
                    return reader.GetString();
                reader.Skip();
            }
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            return null;
        }

        return null;
    }
}

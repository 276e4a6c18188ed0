using System.Buffers;
using System.Text;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

/// <summary>A frame copied out of its buffer, so that a test can keep and compare it.</summary>
internal sealed record DecodedFrame(FrameKind Kind, string? JoinRef, string? Ref, string Topic, string Event)
{
    public string UserEvent { get; init; } = "";

    public string Metadata { get; init; } = "";

    public string Status { get; init; } = "";

    public bool IsBinaryPayload { get; init; }

    /// <summary>Latin-1 of the bytes, so that records compare by content.</summary>
    public string PayloadBytes { get; init; } = "";

    public string Payload => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(PayloadBytes));

    public static DecodedFrame Of(in Frame frame) => new(
        frame.Kind,
        frame.HasJoinRef ? Encoding.UTF8.GetString(frame.JoinRef) : null,
        frame.HasRef ? Encoding.UTF8.GetString(frame.Ref) : null,
        Encoding.UTF8.GetString(frame.Topic),
        Encoding.UTF8.GetString(frame.Event))
    {
        UserEvent = Encoding.UTF8.GetString(frame.UserEvent),
        Metadata = Encoding.UTF8.GetString(frame.Metadata),
        Status = Encoding.UTF8.GetString(frame.Status),
        IsBinaryPayload = frame.IsBinaryPayload,
        PayloadBytes = Encoding.Latin1.GetString(frame.Payload),
    };

    public static DecodedFrame OfText(ReadOnlySpan<byte> utf8, WireVersion version) =>
        FrameReader.TryReadText(utf8, version, out Frame frame, out WireError error)
            ? Of(frame)
            : throw new AssertionException($"{error} in {Encoding.UTF8.GetString(utf8)}");

    public static DecodedFrame OfBinary(ReadOnlySpan<byte> bytes, WireDirection direction) =>
        FrameReader.TryReadBinary(bytes, direction, out Frame frame, out WireError error)
            ? Of(frame)
            : throw new AssertionException($"{error} in {Convert.ToHexString(bytes)}");

    public byte[] ToText(WireVersion version, WireDirection direction)
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.WriteText(output, version, direction, Utf8(JoinRef), Utf8(Ref), Utf8(Topic), Utf8(Event), Encoding.Latin1.GetBytes(PayloadBytes));
        return output.WrittenSpan.ToArray();
    }

    public byte[] ToBinary(WireDirection direction)
    {
        var output = new ArrayBufferWriter<byte>();
        byte[] payload = Encoding.Latin1.GetBytes(PayloadBytes);
        switch (Kind)
        {
            case FrameKind.Push when direction is WireDirection.ToServer:
                FrameWriter.WritePush(output, Utf8(JoinRef), Utf8(Ref), Utf8(Topic), Utf8(Event), payload);
                break;
            case FrameKind.Push:
                FrameWriter.WritePushToClient(output, Utf8(JoinRef), Utf8(Topic), Utf8(Event), payload);
                break;
            case FrameKind.Reply:
                FrameWriter.WriteReply(output, Utf8(JoinRef), Utf8(Ref), Utf8(Topic), Utf8(Status), payload);
                break;
            case FrameKind.Broadcast:
                FrameWriter.WriteBroadcast(output, Utf8(Topic), Utf8(Event), payload);
                break;
            case FrameKind.UserBroadcastPush:
                FrameWriter.WriteUserBroadcastPush(
                    output, Utf8(JoinRef), Utf8(Ref), Utf8(Topic), Utf8(UserEvent), Utf8(Metadata), IsBinaryPayload, payload);
                break;
            case FrameKind.UserBroadcast:
                FrameWriter.WriteUserBroadcast(output, Utf8(Topic), Utf8(UserEvent), Utf8(Metadata), IsBinaryPayload, payload);
                break;
            default:
                throw new InvalidOperationException($"{Kind} is not binary");
        }

        return output.WrittenSpan.ToArray();
    }

    private static byte[] Utf8(string? text) => Encoding.UTF8.GetBytes(text ?? "");
}

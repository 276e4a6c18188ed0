using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class MalformedBinaryFrameTests
{
    private static readonly TestCaseData[] Headers =
    [
        new TestCaseData(new byte[] { 0, 1, 2, 3, 4, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4 }, WireDirection.ToServer).SetArgDisplayNames("kind 0 to the server"),
        new TestCaseData(new byte[] { 0, 1, 2, 3, 1, 2, 2, 3, 3, 3 }, WireDirection.ToClient).SetArgDisplayNames("kind 0 to the client"),
        new TestCaseData(new byte[] { 1, 1, 2, 3, 4, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4 }, WireDirection.ToClient).SetArgDisplayNames("kind 1"),
        new TestCaseData(new byte[] { 2, 1, 2, 1, 2, 2 }, WireDirection.ToClient).SetArgDisplayNames("kind 2"),
        new TestCaseData(new byte[] { 3, 1, 2, 3, 4, 5, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5 }, WireDirection.ToServer).SetArgDisplayNames("kind 3"),
        new TestCaseData(new byte[] { 4, 1, 2, 3, 0, 1, 2, 2, 3, 3, 3 }, WireDirection.ToClient).SetArgDisplayNames("kind 4"),
    ];

    [TestCaseSource(nameof(Headers))]
    public void Frame_cut_inside_its_fields_is_refused(byte[] header, WireDirection direction)
    {
        Assert.That(Error(header, direction), Is.EqualTo(WireErrorCode.None));
        for (int length = 1; length < header.Length; length++)
            Assert.That(Error(header.AsSpan(0, length), direction), Is.EqualTo(WireErrorCode.Truncated), $"cut at {length}");
    }

    [TestCaseSource(nameof(Headers))]
    public void Length_beyond_the_end_is_refused(byte[] header, WireDirection direction)
    {
        int lengths = header[0] switch { 0 => direction is WireDirection.ToServer ? 4 : 3, 1 => 4, 2 => 2, 3 => 5, _ => 3 };
        for (int at = 1; at <= lengths; at++)
        {
            byte[] broken = [.. header];
            broken[at]++;
            Assert.That(Error(broken, direction), Is.EqualTo(WireErrorCode.Truncated), $"length at {at}");
            broken[at] = 255;
            Assert.That(Error(broken, direction), Is.EqualTo(WireErrorCode.Truncated), $"length at {at}");
        }
    }

    [Test]
    public void Nothing_is_refused_as_empty([Values] WireDirection direction) => Assert.That(Error([], direction), Is.EqualTo(WireErrorCode.Empty));

    [Test]
    public void Unknown_kind_is_refused([Values] WireDirection direction)
    {
        for (int kind = 5; kind <= 255; kind++)
        {
            byte[] bytes = [(byte)kind, .. new byte[64]];
            Assert.That(Error(bytes, direction), Is.EqualTo(WireErrorCode.UnknownKind), $"kind {kind}");
            Assert.That(Error(bytes.AsSpan(0, 1), direction), Is.EqualTo(WireErrorCode.UnknownKind), $"kind {kind}");
        }
    }

    [Test]
    public void Frame_without_fields_or_payload_is_read_as_such()
    {
        var frame = DecodedFrame.OfBinary([4, 0, 0, 0, 0], WireDirection.ToClient);

        Assert.That(frame, Is.EqualTo(new DecodedFrame(FrameKind.UserBroadcast, null, null, "", "broadcast") { IsBinaryPayload = true }));
    }

    [Test]
    public void Payload_of_five_megabytes_is_read_whole()
    {
        byte[] payload = new byte[5_000_000];
        payload[^1] = 7;

        Assert.That(FrameReader.TryReadBinary([4, 1, 1, 0, 0, .. "te"u8, .. payload], WireDirection.ToClient, out Frame frame, out _), Is.True);
        Assert.That(frame.Payload.SequenceEqual(payload), Is.True);
    }

    private static WireErrorCode Error(ReadOnlySpan<byte> bytes, WireDirection direction)
    {
        bool isFrame = FrameReader.TryReadBinary(bytes, direction, out _, out WireError error);
        Assert.That(isFrame, Is.EqualTo(error.Code is WireErrorCode.None));
        return error.Code;
    }
}

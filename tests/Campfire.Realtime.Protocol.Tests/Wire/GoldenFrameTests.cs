using System.Text;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

/// <summary>Bytes that realtime-js 2.119.1 produced or decoded, and the layouts that the server's serializer documents.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class GoldenFrameTests
{
    private static readonly TestCaseData[] Binary =
    [
        new TestCaseData(
            "03 01 01 0a 01 00 01 31 32 72 65 61 6c 74 69 6d 65 3a 72 65 7b 22 61 22 3a 31 7d",
            WireDirection.ToServer,
            new DecodedFrame(FrameKind.UserBroadcastPush, "1", "2", "realtime:r", "broadcast") { UserEvent = "e", PayloadBytes = """{"a":1}""" })
            .SetArgDisplayNames("kind 3, JSON"),
        new TestCaseData(
            "03 01 01 0a 01 00 00 31 33 72 65 61 6c 74 69 6d 65 3a 72 65 00 ff",
            WireDirection.ToServer,
            new DecodedFrame(FrameKind.UserBroadcastPush, "1", "3", "realtime:r", "broadcast")
            {
                UserEvent = "e", IsBinaryPayload = true, PayloadBytes = "\0\u00ff",
            }).SetArgDisplayNames("kind 3, binary"),
        new TestCaseData(
            "03 01 01 0a 01 10 01 31 34 72 65 61 6c 74 69 6d 65 3a 72 65 7b 22 70 65 72 73 69 73 74 22 3a 74 72 75 65 7d 7b 22 61 22 3a 31 7d",
            WireDirection.ToServer,
            new DecodedFrame(FrameKind.UserBroadcastPush, "1", "4", "realtime:r", "broadcast")
            {
                UserEvent = "e", Metadata = """{"persist":true}""", PayloadBytes = """{"a":1}""",
            }).SetArgDisplayNames("kind 3, metadata"),
        new TestCaseData(
            "04 0a 01 0b 01 72 65 61 6c 74 69 6d 65 3a 72 65 7b 22 69 64 22 3a 22 78 31 22 7d 7b 22 61 22 3a 31 7d",
            WireDirection.ToClient,
            new DecodedFrame(FrameKind.UserBroadcast, null, null, "realtime:r", "broadcast")
            {
                UserEvent = "e", Metadata = """{"id":"x1"}""", PayloadBytes = """{"a":1}""",
            }).SetArgDisplayNames("kind 4, metadata"),
        new TestCaseData(
            "00 01 02 01 01 31 32 33 74 65 ff",
            WireDirection.ToServer,
            new DecodedFrame(FrameKind.Push, "1", "23", "t", "e") { IsBinaryPayload = true, PayloadBytes = "\u00ff" })
            .SetArgDisplayNames("kind 0 to the server"),
        new TestCaseData(
            "00 02 01 01 31 32 74 65 ff",
            WireDirection.ToClient,
            new DecodedFrame(FrameKind.Push, "12", null, "t", "e") { IsBinaryPayload = true, PayloadBytes = "\u00ff" })
            .SetArgDisplayNames("kind 0 to the client"),
        new TestCaseData(
            "01 01 02 01 02 31 32 33 74 6f 6b 7b 7d",
            WireDirection.ToClient,
            new DecodedFrame(FrameKind.Reply, "1", "23", "t", "phx_reply") { Status = "ok", IsBinaryPayload = true, PayloadBytes = "{}" })
            .SetArgDisplayNames("kind 1"),
        new TestCaseData(
            "02 01 02 74 65 66 7b 7d",
            WireDirection.ToClient,
            new DecodedFrame(FrameKind.Broadcast, null, null, "t", "ef") { IsBinaryPayload = true, PayloadBytes = "{}" })
            .SetArgDisplayNames("kind 2"),
    ];

    [TestCaseSource(nameof(Binary))]
    public void Binary_frame_decodes_to_its_fields_and_back(string hex, WireDirection direction, object expected)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

        var frame = DecodedFrame.OfBinary(bytes, direction);

        Assert.That(frame, Is.EqualTo(expected));
        Assert.That(Convert.ToHexString(frame.ToBinary(direction)), Is.EqualTo(Convert.ToHexString(bytes)));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(255)]
    public void Every_encoding_but_zero_means_JSON(byte encoding)
    {
        byte[] toServer = [3, 0, 0, 1, 1, 0, encoding, .. "te{}"u8];
        byte[] toClient = [4, 1, 1, 0, encoding, .. "te{}"u8];

        Assert.That(DecodedFrame.OfBinary(toServer, WireDirection.ToServer).IsBinaryPayload, Is.False);
        Assert.That(DecodedFrame.OfBinary(toClient, WireDirection.ToClient).IsBinaryPayload, Is.False);
    }

    [Test]
    public void Text_of_version_2_is_an_array_of_five()
    {
        Assert.That(Text(WireVersion.V2, WireDirection.ToServer, "1", "2"), Is.EqualTo("""["1","2","realtime:r","e",{"a":1}]"""));
        Assert.That(Text(WireVersion.V2, WireDirection.ToClient, null, null), Is.EqualTo("""[null,null,"realtime:r","e",{"a":1}]"""));
    }

    [Test]
    public void Text_of_version_1_names_the_join_only_to_the_server()
    {
        Assert.That(
            Text(WireVersion.V1, WireDirection.ToServer, "1", "2"),
            Is.EqualTo("""{"topic":"realtime:r","event":"e","payload":{"a":1},"ref":"2","join_ref":"1"}"""));
        Assert.That(
            Text(WireVersion.V1, WireDirection.ToClient, "1", null),
            Is.EqualTo("""{"topic":"realtime:r","event":"e","payload":{"a":1},"ref":null}"""));
    }

    [Test]
    public void Payload_of_a_text_frame_is_passed_byte_for_byte()
    {
        byte[] text = """[null,null,"t","e", { "a" : [1, 2.50, "\u00e9\/" ] } ]"""u8.ToArray();

        Assert.That(DecodedFrame.OfText(text, WireVersion.V2).Payload, Is.EqualTo("""{ "a" : [1, 2.50, "\u00e9\/" ] }"""));
    }

    private static string Text(WireVersion version, WireDirection direction, string? joinRef, string? @ref) => Encoding.UTF8.GetString(
        new DecodedFrame(FrameKind.Text, joinRef, @ref, "realtime:r", "e") { PayloadBytes = """{"a":1}""" }.ToText(version, direction));
}

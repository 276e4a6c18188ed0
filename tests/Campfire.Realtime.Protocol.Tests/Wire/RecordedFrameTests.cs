using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class RecordedFrameTests
{
    private const string Alice = "realtime:user:11111111-1111-1111-1111-111111111111:p";
    private const string Stored = """{"id":"95f983b2-dcf5-4d7a-8245-9ca04dcbe9c6"}""";
    private const string StoredBinary = """{"id":"5e61d12e-7047-43af-b7db-e491f76a246a"}""";
    private const string Replayed = """{"id":"5e61d12e-7047-43af-b7db-e491f76a246a","replayed":true}""";

    private static readonly Dictionary<string, DecodedFrame> Binary = new()
    {
        ["v2-basic:13"] = Push("4", "jsonev", """{"b":2}""", isBinary: false),
        ["v2-basic:15"] = Member("realtime:x", "jsonev", "", """{"b":2}""", isBinary: false),
        ["v2-basic:17"] = Push("5", "binev", "\0\u0001\u0002\u00ff", isBinary: true),
        ["v2-basic:18"] = Member("realtime:x", "binev", "", "\0\u0001\u0002\u00ff", isBinary: true),
        ["v2-basic:23"] = Member("realtime:x", "restbin", "", "\u0009\u0008\u0007", isBinary: true),
        ["private-v2:5"] = Member(Alice, "ev", Stored, """{"x": 1, "id": "95f983b2-dcf5-4d7a-8245-9ca04dcbe9c6"}""", isBinary: false),
        ["private-v2:6"] = Member(Alice, "bev", StoredBinary, "\0\u0001\u0002\u00ff", isBinary: true),
        ["private-v2:13"] = Member(Alice, "bev", Replayed, "\0\u0001\u0002\u00ff", isBinary: true),
    };

    private static IEnumerable<Recording> All => Recording.ReadAll();

    private static IEnumerable<Recording> TextFrames => All.Where(recording => !recording.IsBinary);

    private static IEnumerable<Recording> BinaryFrames => All.Where(recording => recording.IsBinary);

    [Test]
    public void Recordings_are_complete()
    {
        Assert.That(
            All.CountBy(recording => recording.File),
            Is.EquivalentTo(new Dictionary<string, int> { ["v1-basic"] = 28, ["v2-basic"] = 20, ["private-v2"] = 16, ["token"] = 19, ["pg-v2"] = 6 }));
        Assert.That(BinaryFrames.Select(recording => recording.ToString()), Is.EquivalentTo(Binary.Keys));
    }

    [TestCaseSource(nameof(TextFrames))]
    public void Text_frame_decodes_to_what_any_JSON_parser_sees(Recording recording)
    {
        JsonNode json = JsonNode.Parse(recording.Bytes)!;
        bool isV1 = recording.Version is WireVersion.V1;

        var frame = DecodedFrame.OfText(recording.Bytes, recording.Version);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(frame.JoinRef, Is.EqualTo((string?)(isV1 ? json["join_ref"] : json[0])));
            Assert.That(frame.Ref, Is.EqualTo((string?)(isV1 ? json["ref"] : json[1])));
            Assert.That(frame.Topic, Is.EqualTo((string?)(isV1 ? json["topic"] : json[2])));
            Assert.That(frame.Event, Is.EqualTo((string?)(isV1 ? json["event"] : json[3])));
            AssertSameJson(frame.Payload, isV1 ? json["payload"] : json[4]);
            Assert.That(frame.IsBinaryPayload, Is.False);
        }
    }

    [TestCaseSource(nameof(TextFrames))]
    public void Text_frame_is_written_with_the_same_meaning(Recording recording)
    {
        byte[] written = DecodedFrame.OfText(recording.Bytes, recording.Version).ToText(recording.Version, recording.Direction);

        JsonNode expected = JsonNode.Parse(recording.Bytes)!;
        if (recording is { Version: WireVersion.V1, Direction: WireDirection.ToServer } && expected["join_ref"] is null)
            expected["join_ref"] = null;
        AssertSameJson(Encoding.UTF8.GetString(written), expected);
    }

    [TestCaseSource(nameof(BinaryFrames))]
    public void Binary_frame_decodes_to_what_was_sent_and_is_written_with_the_same_bytes(Recording recording)
    {
        var frame = DecodedFrame.OfBinary(recording.Bytes, recording.Direction);

        Assert.That(frame, Is.EqualTo(Binary[recording.ToString()]));
        Assert.That(frame.ToBinary(recording.Direction), Is.EqualTo(recording.Bytes));
    }

    [Test]
    public void Every_broadcast_to_a_member_reads_alike_from_text_and_binary()
    {
        var seen = new List<(string Source, string Event, bool IsBinary, string? Id, bool IsReplayed, string Payload)>();
        foreach (Recording recording in All.Where(recording => recording.Direction is WireDirection.ToClient))
        {
            Frame frame = Read(recording);
            if (!frame.Is("broadcast"u8))
                continue;

            Assert.That(BroadcastView.TryRead(frame, out BroadcastView broadcast, out WireError error), Is.True, error.ToString());
            JsonNode? metadata = broadcast.Metadata.IsEmpty ? null : JsonNode.Parse(broadcast.Metadata);
            seen.Add((
                recording.ToString(), Encoding.UTF8.GetString(broadcast.Event), broadcast.IsBinary,
                (string?)metadata?["id"], (bool?)metadata?["replayed"] ?? false,
                broadcast.IsBinary ? Convert.ToHexString(broadcast.Payload) : JsonNode.Parse(broadcast.Payload)!.ToJsonString()));
        }

        const string First = "95f983b2-dcf5-4d7a-8245-9ca04dcbe9c6", Second = "5e61d12e-7047-43af-b7db-e491f76a246a";
        Assert.That(seen, Is.EqualTo(new[]
        {
            ("v1-basic:9", "e", false, null, false, """{"a":1}"""),
            ("v2-basic:10", "e", false, null, false, """{"a":1}"""),
            ("v2-basic:12", "e", false, null, false, """{"a":1}"""),
            ("v2-basic:14", "jsonev", false, null, false, """{"b":2}"""),
            ("v2-basic:15", "jsonev", false, null, false, """{"b":2}"""),
            ("v2-basic:18", "binev", true, null, false, "000102FF"),
            ("v2-basic:21", "rest", false, null, false, """{"r":1}"""),
            ("v2-basic:22", "rest", false, null, false, """{"r":1}"""),
            ("v2-basic:23", "restbin", true, null, false, "090807"),
            ("private-v2:5", "ev", false, First, false, $$"""{"x":1,"id":"{{First}}"}"""),
            ("private-v2:6", "bev", true, Second, false, "000102FF"),
            ("private-v2:12", "ev", false, First, true, $$"""{"id":"{{First}}","x":1}"""),
            ("private-v2:13", "bev", true, Second, true, "000102FF"),
        }));
    }

    [Test]
    public void Every_reply_reads_with_its_status_and_reason()
    {
        var refusals = new List<(string, string?)>();
        int granted = 0;
        foreach (Recording recording in All.Where(recording => !recording.IsBinary))
        {
            Frame frame = Read(recording);
            if (!frame.Is("phx_reply"u8))
                continue;

            Assert.That(ReplyView.TryRead(frame, out ReplyView reply, out WireError error), Is.True, error.ToString());
            if (reply.IsOk)
                granted++;
            else
                refusals.Add((recording.ToString(), reply.ReadReason()));
        }

        Assert.That(granted, Is.EqualTo(21));
        Assert.That(refusals, Is.EqualTo(new[]
        {
            ("v1-basic:26", "unmatched topic"),
            ("v1-basic:27", "unmatched topic"),
            ("v1-basic:28", "TopicNameRequired: You must provide a topic name"),
            ("private-v2:15", "UnableToReplayMessages: Replay is not allowed for public channels"),
            ("private-v2:17", "UnableToReplayMessages: Replay params are not valid"),
            ("token:13", "InvalidJWTToken: Token has expired 4 seconds ago"),
            ("token:20", "MalformedJWT: The token provided is not a valid JWT"),
        }));
    }

    private static Frame Read(Recording recording)
    {
        bool isRead = recording.IsBinary
            ? FrameReader.TryReadBinary(recording.Bytes, recording.Direction, out Frame frame, out WireError error)
            : FrameReader.TryReadText(recording.Bytes, recording.Version, out frame, out error);
        Assert.That(isRead, Is.True, error.ToString());
        return frame;
    }

    private static void AssertSameJson(string actual, JsonNode? expected) =>
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(actual), expected), Is.True, $"{actual} is not {expected?.ToJsonString()}");

    private static DecodedFrame Push(string @ref, string userEvent, string payload, bool isBinary) =>
        new(FrameKind.UserBroadcastPush, "1", @ref, "realtime:x", "broadcast") { UserEvent = userEvent, PayloadBytes = payload, IsBinaryPayload = isBinary };

    private static DecodedFrame Member(string topic, string userEvent, string metadata, string payload, bool isBinary) =>
        new(FrameKind.UserBroadcast, null, null, topic, "broadcast")
        {
            UserEvent = userEvent, Metadata = metadata, PayloadBytes = payload, IsBinaryPayload = isBinary,
        };
}

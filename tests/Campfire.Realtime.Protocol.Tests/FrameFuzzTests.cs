using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Tests.Wire;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests;

[Parallelizable(ParallelScope.All)]
internal sealed class FrameFuzzTests
{
    private const int Frames = 50_000;

    private static readonly byte[][] Text = [.. Recording.ReadAll().Where(recording => !recording.IsBinary).Select(recording => recording.Bytes), .. Extra()];
    private static readonly byte[][] Binary = [.. Recording.ReadAll().Where(recording => recording.IsBinary).Select(recording => recording.Bytes), Message()];

    private static readonly byte[][] Fragments =
    [
        "\\ud800"u8.ToArray(), "\\u0000"u8.ToArray(), "\""u8.ToArray(), "null"u8.ToArray(), "[[[["u8.ToArray(), "{\"sequence\":1}"u8.ToArray(),
        "\"event\":"u8.ToArray(), "}"u8.ToArray(), "]"u8.ToArray(), ","u8.ToArray(), "1e999"u8.ToArray(), [0xFF], [0xED, 0xA0, 0x80], [0], [3], [4],
    ];

    private static readonly string[] Names = [.. EventNames.All, "order:shipped"];

    /// <summary>Four runs of 50,000 frames; the seed is the runner's, and stands in the message of a failure.</summary>
    [Test]
    public void No_frame_makes_a_reader_throw([Range(1, 4)] int run)
    {
        int seed = TestContext.CurrentContext.Random.Next();
        TestContext.Out.WriteLine($"run {run}, seed {seed}");
        var random = new Random(seed);
        int read = 0;
        for (int i = 0; i < Frames; i++)
        {
            bool isBinary = random.Next(2) == 0;
            byte[][] corpus = isBinary ? Binary : Text;
            byte[] bytes = random.Next(10) == 0 ? RandomBytes(random) : Mutated(random, corpus[random.Next(corpus.Length)]);
            try
            {
                read += Read(bytes, isBinary, (WireVersion)random.Next(2), (WireDirection)random.Next(2), Names[random.Next(Names.Length)]) ? 1 : 0;
            }
            catch (Exception e) when (e is not AssertionException)
            {
                Assert.Fail($"seed {seed}, frame {i}, {Convert.ToHexString(bytes)}: {e}");
            }
        }

        // Neither all refused nor all accepted: the mutations reach what lies behind the first check.
        Assert.That(read, Is.InRange(Frames / 20, Frames * 19 / 20));
    }

    private static bool Read(byte[] bytes, bool isBinary, WireVersion version, WireDirection direction, string name)
    {
        bool isFrame = isBinary
            ? FrameReader.TryReadBinary(bytes, direction, out Frame frame, out WireError error)
            : FrameReader.TryReadText(bytes, version, out frame, out error);
        Assert.That(isFrame, Is.EqualTo(error.Code is WireErrorCode.None));
        if (!isFrame)
            return false;

        if (ReplyView.TryRead(frame, out ReplyView reply, out _))
            _ = reply.ReadReason();
        if (BroadcastView.TryRead(frame, out BroadcastView broadcast, out _))
        {
            ReadPayload(EventNames.Intern(broadcast.Event), broadcast.Payload);
            ReadPayload(name, broadcast.Payload);
        }

        ReadPayload(name, frame.Payload);
        return true;
    }

    private static void ReadPayload(string name, ReadOnlySpan<byte> payload)
    {
        bool isEvent = PayloadReader.TryReadConversationEvent(name, payload, out ConversationEvent? read, out string? error);
        Assert.That(isEvent ? read is not null : error is { Length: > 0 }, Is.True);
        if (read is StoredEvent stored)
            Assert.That(stored.Sequence > 0 && stored.Name == name && JsonNode.Parse(payload) is not null, Is.True);

        PayloadReader.TryReadConversation(payload, out _, out _);
        PayloadReader.TryRead(payload, CampfireJsonContext.Default.TypingNotice, out _, out _);
    }

    private static byte[] RandomBytes(Random random)
    {
        byte[] bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Mutated(Random random, byte[] valid)
    {
        var bytes = new List<byte>(valid);
        for (int mutations = random.Next(4); mutations > 0 && bytes.Count > 0; mutations--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.RemoveRange(at, bytes.Count - at); break;
                case 3: bytes.InsertRange(at, Fragments[random.Next(Fragments.Length)]); break;
                default: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
            }
        }

        return [.. bytes];
    }

    private static IEnumerable<byte[]> Extra()
    {
        string message = Encoding.UTF8.GetString(MessagePayload());
        yield return Encoding.UTF8.GetBytes($$$"""[null,null,"t","broadcast",{"type":"broadcast","event":"message:created","payload":{{{message}}},"meta":{"id":"x"}}]""");
        yield return Encoding.UTF8.GetBytes($$$"""{"topic":"t","event":"broadcast","payload":{"event":"message:created","payload":{{{message}}}},"ref":null}""");
    }

    private static byte[] Message() => [4, 1, 15, 0, 1, .. "tmessage:created"u8, .. MessagePayload()];

    private static byte[] MessagePayload() =>
        """{"id":"0197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6","content":"Hi \u00e9","metadata":{"a":[{}]},"sequence":42,"created_at":"2026-11-22T22:48:46.834567Z","attachments":[{"file_name":"f","content_type":"a/b","size_bytes":1,"storage_path":"p"}],"sender_type":"agent","conversation_id":"11111111-2222-4333-8444-555555abcdef","organization_id":"99999999-8888-4777-8666-555555555555"}"""u8.ToArray();
}

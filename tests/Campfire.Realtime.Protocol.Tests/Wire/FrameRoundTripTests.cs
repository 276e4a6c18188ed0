using System.Buffers;
using System.Text;
using Campfire.Realtime.Protocol.Wire;
using CsCheck;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class FrameRoundTripTests
{
    private static readonly Gen<string> Text = Gen.Frequency(
            (6, Gen.Int[0x20, 0x7E]),
            (2, Gen.OneOf('"', '\\', '/', '<', '>', '&', '\'', '+', '\0', '\b', '\t', '\n', '\f', '\r', 0x1F, 0x7F)),
            (2, Gen.Int[0x80, 0x2FFF]),
            (1, Gen.OneOf(0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF)),
            (1, Gen.Int[0x10000, 0x10FFFF]))
        .Array[1, 40]
        .Select(scalars => string.Concat(scalars.Select(char.ConvertFromUtf32)));

    private static readonly Gen<string> Field = Gen.OneOf(Text, Gen.Const(""), Gen.Int[0, 254].Select(length => new string('x', length)))
        .Where(text => Encoding.UTF8.GetByteCount(text) <= 255);

    private static readonly Gen<string?> Ref = Gen.OneOf(Gen.Const((string?)null), Gen.Int[0, int.MaxValue].Select(n => (string?)n.ToString()), Text.Select(text => (string?)text))
        .Where(text => text is null || Encoding.UTF8.GetByteCount(text) <= 255);

    private static readonly Gen<string> AnyBytes = Gen.OneOf(Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 8]).Select(Encoding.Latin1.GetString);

    private static readonly Gen<string> Json = Gen.OneOf(
        "{}", "[]", "null", "true", "-1.5e3", "\"a\"", """{"a":1}""", """ { "a" : [ {"b":"\ud83d\ude00 ü \"" } ] } """, """{"event":"x","event":"y"}""")
        .Select(json => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(json)));

    private static readonly Gen<(FrameKind Kind, WireDirection Direction)> Shape = Gen.OneOf(
        (FrameKind.Push, WireDirection.ToServer),
        (FrameKind.Push, WireDirection.ToClient),
        (FrameKind.Reply, WireDirection.ToClient),
        (FrameKind.Reply, WireDirection.ToServer),
        (FrameKind.Broadcast, WireDirection.ToClient),
        (FrameKind.UserBroadcastPush, WireDirection.ToServer),
        (FrameKind.UserBroadcast, WireDirection.ToClient));

    [Test]
    public void Binary_frame_of_any_content_survives()
    {
        Gen.Select(Shape, Ref, Ref, Field, Field, Field, AnyBytes, Gen.Bool).Sample(
            (shape, joinRef, @ref, topic, name, extra, payload, isBinary) =>
            {
                DecodedFrame frame = Frame(shape.Kind, shape.Direction, joinRef, @ref, topic, name, extra, payload, isBinary);
                var read = DecodedFrame.OfBinary(frame.ToBinary(shape.Direction), shape.Direction);
                return read == frame;
            }, iter: 20_000);
    }

    [Test]
    public void Text_frame_of_any_content_survives()
    {
        Gen.Select(Gen.Enum<WireVersion>(), Gen.Enum<WireDirection>(), Ref, Ref, Text, Text, Json).Sample(
            (version, direction, joinRef, @ref, topic, name, payload) =>
            {
                var frame = new DecodedFrame(FrameKind.Text, joinRef, @ref, topic, name) { PayloadBytes = payload.Trim() };
                var read = DecodedFrame.OfText(frame.ToText(version, direction), version);
                bool isJoinRefSent = version is WireVersion.V2 || direction is WireDirection.ToServer;
                return read == frame with { JoinRef = isJoinRefSent ? joinRef : null };
            }, iter: 20_000);
    }

    [Test]
    public void Envelope_of_any_event_and_metadata_reads_like_the_binary_broadcast()
    {
        Gen.Select(Text, Json, Gen.OneOf("", """{"id":"x1"}""", """{"replayed":true,"id":"x2"}""")).Sample((name, payload, metadata) =>
        {
            string meta = metadata.Length == 0 ? "" : $",\"meta\":{metadata}";
            string envelope = $$"""{"type":"broadcast","event":{{System.Text.Json.JsonSerializer.Serialize(name)}},"payload":{{payload.Trim()}}{{meta}}}""";
            byte[] text = new DecodedFrame(FrameKind.Text, null, null, "t", "broadcast") { PayloadBytes = envelope }.ToText(WireVersion.V2, WireDirection.ToClient);
            byte[] binary = new DecodedFrame(FrameKind.UserBroadcast, null, null, "t", "broadcast")
            {
                UserEvent = name, Metadata = metadata, PayloadBytes = payload.Trim(),
            }.ToBinary(WireDirection.ToClient);

            return FrameReader.TryReadText(text, WireVersion.V2, out Frame textFrame, out _)
                && FrameReader.TryReadBinary(binary, WireDirection.ToClient, out Frame binaryFrame, out _)
                && BroadcastView.TryRead(textFrame, out BroadcastView ofText, out _)
                && BroadcastView.TryRead(binaryFrame, out BroadcastView ofBinary, out _)
                && ofText.Event.SequenceEqual(ofBinary.Event)
                && ofText.Payload.SequenceEqual(ofBinary.Payload)
                && ofText.Metadata.SequenceEqual(ofBinary.Metadata)
                && !ofText.IsBinary && !ofBinary.IsBinary;
        }, iter: 10_000);
    }

    [TestCase(FrameKind.Push, WireDirection.ToServer, 4)]
    [TestCase(FrameKind.Push, WireDirection.ToClient, 3)]
    [TestCase(FrameKind.Reply, WireDirection.ToClient, 4)]
    [TestCase(FrameKind.Broadcast, WireDirection.ToClient, 2)]
    [TestCase(FrameKind.UserBroadcastPush, WireDirection.ToServer, 5)]
    [TestCase(FrameKind.UserBroadcast, WireDirection.ToClient, 3)]
    public void Each_binary_field_may_fill_255_bytes_and_no_more(FrameKind kind, WireDirection direction, int fields)
    {
        for (int field = 0; field < fields; field++)
        {
            DecodedFrame full = WithField(kind, direction, field, new string('ä', 127) + "x");
            Assert.That(DecodedFrame.OfBinary(full.ToBinary(direction), direction), Is.EqualTo(full));

            DecodedFrame tooLong = WithField(kind, direction, field, new string('ä', 128));
            Assert.That(() => tooLong.ToBinary(direction), Throws.ArgumentException.With.Message.Contains("256 bytes").And.Message.Contains("255"));
        }
    }

    [Test]
    public void Refused_field_leaves_nothing_in_the_output()
    {
        var output = new ArrayBufferWriter<byte>();

        Assert.That(() => FrameWriter.WriteUserBroadcast(output, "t"u8, new byte[256], "{}"u8, false, "{}"u8), Throws.ArgumentException);
        Assert.That(output.WrittenCount, Is.Zero);
    }

    [Test]
    public void Payload_may_follow_a_header_written_without_one()
    {
        using var output = new PooledBuffer(16);
        FrameWriter.WriteUserBroadcastPush(output, "1"u8, "2"u8, "t"u8, "e"u8, default, isBinaryPayload: false, default);
        output.Write("""{"a":1}"""u8);

        Assert.That(DecodedFrame.OfBinary(output.Written.Span, WireDirection.ToServer).Payload, Is.EqualTo("""{"a":1}"""));
    }

    [Test]
    public void Text_topic_longer_than_255_bytes_survives()
    {
        var frame = new DecodedFrame(FrameKind.Text, "1", "2", new string('t', 5_000), "e") { PayloadBytes = "{}" };

        Assert.That(DecodedFrame.OfText(frame.ToText(WireVersion.V2, WireDirection.ToServer), WireVersion.V2), Is.EqualTo(frame));
    }

    private static DecodedFrame WithField(FrameKind kind, WireDirection direction, int index, string value)
    {
        string[] fields = kind switch
        {
            FrameKind.Push when direction is WireDirection.ToClient => ["j", "", "t", "e", ""],
            FrameKind.Push or FrameKind.Reply => ["j", "r", "t", "e", ""],
            FrameKind.Broadcast => ["", "", "t", "e", ""],
            FrameKind.UserBroadcast => ["", "", "t", "e", "m"],
            _ => ["j", "r", "t", "e", "m"],
        };
        int at = Enumerable.Range(0, 5).Where(i => fields[i].Length > 0).ElementAt(index);
        fields[at] = value;
        return Frame(kind, direction, fields[0], fields[1], fields[2], fields[3], fields[4], "p", isBinary: true);
    }

    private static DecodedFrame Frame(
        FrameKind kind, WireDirection direction, string? joinRef, string? @ref, string topic, string name, string extra, string payload, bool isBinary)
    {
        joinRef = joinRef is "" ? null : joinRef;
        @ref = @ref is "" ? null : @ref;
        return kind switch
        {
            FrameKind.Push when direction is WireDirection.ToServer =>
                new DecodedFrame(kind, joinRef, @ref, topic, name) { PayloadBytes = payload, IsBinaryPayload = true },
            FrameKind.Push => new DecodedFrame(kind, joinRef, null, topic, name) { PayloadBytes = payload, IsBinaryPayload = true },
            FrameKind.Reply => new DecodedFrame(kind, joinRef, @ref, topic, "phx_reply") { Status = name, PayloadBytes = payload, IsBinaryPayload = true },
            FrameKind.Broadcast => new DecodedFrame(kind, null, null, topic, name) { PayloadBytes = payload, IsBinaryPayload = true },
            FrameKind.UserBroadcastPush => new DecodedFrame(kind, joinRef, @ref, topic, "broadcast")
            {
                UserEvent = name, Metadata = extra, PayloadBytes = payload, IsBinaryPayload = isBinary,
            },
            _ => new DecodedFrame(kind, null, null, topic, "broadcast") { UserEvent = name, Metadata = extra, PayloadBytes = payload, IsBinaryPayload = isBinary },
        };
    }
}

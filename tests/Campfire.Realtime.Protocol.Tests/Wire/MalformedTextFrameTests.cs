using System.Text;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class MalformedTextFrameTests
{
    private const string V1Frame = """{"topic":"realtime:x","event":"e\u00e9","payload":{"a":[1,{"b":"\ud83d\ude00 ü"}]},"ref":"2","join_ref":"1"}""";
    private const string V2Frame = """["1","2","realtime:x","e\u00e9",{"a":[1,{"b":"\ud83d\ude00 ü"}]}]""";

    [TestCase(WireVersion.V1, V1Frame)]
    [TestCase(WireVersion.V2, V2Frame)]
    public void Frame_cut_at_any_byte_is_refused(WireVersion version, string text)
    {
        byte[] whole = Encoding.UTF8.GetBytes(text);
        Assert.That(Error(whole, version).Code, Is.EqualTo(WireErrorCode.None));

        Assert.That(Error([], version).Code, Is.EqualTo(WireErrorCode.Empty));
        for (int length = 1; length < whole.Length; length++)
            Assert.That(Error(whole.AsSpan(0, length), version).Code, Is.AnyOf(WireErrorCode.NotJson, WireErrorCode.NotUtf8), $"cut at {length}");
    }

    [TestCase("""["1","2","t","e"]""", WireErrorCode.MissingField, "payload")]
    [TestCase("""["1","2","t"]""", WireErrorCode.MissingField, "event")]
    [TestCase("""["1","2"]""", WireErrorCode.MissingField, "topic")]
    [TestCase("""["1"]""", WireErrorCode.MissingField, "ref")]
    [TestCase("[]", WireErrorCode.MissingField, "join_ref")]
    [TestCase("""[1,"2","t","e",{}]""", WireErrorCode.WrongType, "join_ref")]
    [TestCase("""["1",2,"t","e",{}]""", WireErrorCode.WrongType, "ref")]
    [TestCase("""["1","2",null,"e",{}]""", WireErrorCode.WrongType, "topic")]
    [TestCase("""["1","2",["t"],"e",{}]""", WireErrorCode.WrongType, "topic")]
    [TestCase("""["1","2","t",null,{}]""", WireErrorCode.WrongType, "event")]
    [TestCase("""["1","2","t",{"e":1},{}]""", WireErrorCode.WrongType, "event")]
    [TestCase("""["1","2","t",true,{}]""", WireErrorCode.WrongType, "event")]
    [TestCase("""[{"a":1},"2","t","e",{}]""", WireErrorCode.WrongType, "join_ref")]
    [TestCase("""{"topic":"t","event":"e","payload":{},"ref":null}""", WireErrorCode.NotAFrame, "array")]
    [TestCase("null", WireErrorCode.NotAFrame, "array")]
    [TestCase("\"[]\"", WireErrorCode.NotAFrame, "array")]
    [TestCase("5", WireErrorCode.NotAFrame, "array")]
    [TestCase("hello", WireErrorCode.NotJson, "byte 0")]
    [TestCase(" ", WireErrorCode.NotJson, "byte")]
    [TestCase("\uFEFF[null,null,\"t\",\"e\",{}]", WireErrorCode.NotJson, "byte 0")]
    [TestCase("""["1","2","t","e",{}""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{},]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{"a":1,}]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{a:1}]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",NaN]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""['1','2','t','e',{}]""", WireErrorCode.NotJson, "byte 1")]
    [TestCase("""["1","2","t","e",{}/**/]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{}]]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{}]["1","2","t","e",{}]""", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t","e",{}] x""", WireErrorCode.NotJson, "byte")]
    [TestCase("[\"1\",\"2\",\"t\",\"e\",{\"a\":\"line\nbreak\"}]", WireErrorCode.NotJson, "byte")]
    [TestCase("""["1","2","t\ud800","e",{}]""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""["1","2","t","\udc00",{}]""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""["\ud800\ud800","2","t","e",{}]""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""["1","\ud800","t","e",{}]""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""["1","2","t","\ud8zz",{}]""", WireErrorCode.NotJson, "byte")]
    public void Malformed_frame_of_version_2_is_refused(string text, WireErrorCode code, string detail) =>
        AssertRefused(Encoding.UTF8.GetBytes(text), WireVersion.V2, code, detail);

    [TestCase("""{"event":"e","payload":{},"ref":"2"}""", WireErrorCode.MissingField, "topic")]
    [TestCase("""{"topic":"t","payload":{},"ref":"2"}""", WireErrorCode.MissingField, "event")]
    [TestCase("""{"topic":"t","event":"e","ref":"2"}""", WireErrorCode.MissingField, "payload")]
    [TestCase("""{"topic":"t","event":"e","payload":{}}""", WireErrorCode.MissingField, "ref")]
    [TestCase("""{"Topic":"t","event":"e","payload":{},"ref":"2"}""", WireErrorCode.MissingField, "topic")]
    [TestCase("{}", WireErrorCode.MissingField, "topic")]
    [TestCase("""{"topic":null,"event":"e","payload":{},"ref":"2"}""", WireErrorCode.WrongType, "topic")]
    [TestCase("""{"topic":["t"],"event":"e","payload":{},"ref":"2"}""", WireErrorCode.WrongType, "topic")]
    [TestCase("""{"topic":"t","event":1,"payload":{},"ref":"2"}""", WireErrorCode.WrongType, "event")]
    [TestCase("""{"topic":"t","event":"e","payload":{},"ref":2}""", WireErrorCode.WrongType, "ref")]
    [TestCase("""{"topic":"t","event":"e","payload":{},"ref":"2","join_ref":{}}""", WireErrorCode.WrongType, "join_ref")]
    [TestCase("""["1","2","t","e",{}]""", WireErrorCode.NotAFrame, "object")]
    [TestCase("true", WireErrorCode.NotAFrame, "object")]
    [TestCase("""{"topic":"t","event":"e","payload":{},"ref":"2"}}""", WireErrorCode.NotJson, "byte")]
    [TestCase("""{"topic":"t","event":"e","payload":{},"ref":"2"} {}""", WireErrorCode.NotJson, "byte")]
    [TestCase("""{"topic":"t","event":"e","payload":,"ref":"2"}""", WireErrorCode.NotJson, "byte")]
    [TestCase("""{"topic":"\ud800","event":"e","payload":{},"ref":"2"}""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""{"topic":"t","event":"e\udfff","payload":{},"ref":"2"}""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""{"\ud800":0,"topic":"t","event":"e","payload":{},"ref":"2"}""", WireErrorCode.NotJson, "surrogate")]
    public void Malformed_frame_of_version_1_is_refused(string text, WireErrorCode code, string detail) =>
        AssertRefused(Encoding.UTF8.GetBytes(text), WireVersion.V1, code, detail);

    [TestCase(WireVersion.V1, """{"topic":"?","event":"e","payload":{},"ref":"2"}""")]
    [TestCase(WireVersion.V1, """{"topic":"t","event":"?","payload":{},"ref":"2"}""")]
    [TestCase(WireVersion.V1, """{"topic":"t","event":"e","payload":{"a":"?"},"ref":"2"}""")]
    [TestCase(WireVersion.V1, """{"topic":"t","event":"e","payload":{},"ref":"2","?":1}""")]
    [TestCase(WireVersion.V2, """["?","2","t","e",{}]""")]
    [TestCase(WireVersion.V2, """["1","2","?","e",{}]""")]
    [TestCase(WireVersion.V2, """["1","2","t","?",{}]""")]
    [TestCase(WireVersion.V2, """["1","2","t","e",{"a":"?"}]""")]
    [TestCase(WireVersion.V2, """["1","2","t","e",{"?":1}]""")]
    public void Text_that_is_not_UTF8_is_refused(WireVersion version, string text)
    {
        byte[][] invalid = [[0xFF], [0xC0, 0xAF], [0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3]];
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int at = bytes.IndexOf((byte)'?');

        foreach (byte[] sequence in invalid)
            AssertRefused([.. bytes.AsSpan(0, at), .. sequence, .. bytes.AsSpan(at + 1)], version, WireErrorCode.NotUtf8, "UTF-8");
    }

    [Test]
    public void Elements_behind_the_fifth_are_ignored()
    {
        var frame = DecodedFrame.OfText("""["1","2","t","e",{"a":1},[[]],{"x":[1]},"more",null]"""u8, WireVersion.V2);

        Assert.That(frame, Is.EqualTo(new DecodedFrame(FrameKind.Text, "1", "2", "t", "e") { PayloadBytes = """{"a":1}""" }));
    }

    [Test]
    public void Unknown_keys_of_version_1_are_ignored()
    {
        var frame = DecodedFrame.OfText(
            """{"x":[{"topic":"no"}],"topic":"t","y":"z","event":"e","payload":{"ref":"no"},"ref":null,"join_ref":"1","event_":"no"}"""u8, WireVersion.V1);

        Assert.That(frame, Is.EqualTo(new DecodedFrame(FrameKind.Text, "1", null, "t", "e") { PayloadBytes = """{"ref":"no"}""" }));
    }

    [Test]
    public void Of_a_key_given_twice_the_last_counts_as_it_does_on_the_server()
    {
        var frame = DecodedFrame.OfText(
            """{"topic":"a","topic":"t","event":"a","event":"e","payload":1,"payload":2,"ref":"1","ref":null,"join_ref":"1","join_ref":"2"}"""u8, WireVersion.V1);

        Assert.That(frame, Is.EqualTo(new DecodedFrame(FrameKind.Text, "2", null, "t", "e") { PayloadBytes = "2" }));
    }

    [Test]
    public void Escaped_key_of_version_1_is_the_key()
    {
        var frame = DecodedFrame.OfText("""{"t\u006fpic":"t","event":"e","payload":{},"ref":"1"}"""u8, WireVersion.V1);

        Assert.That(frame.Topic, Is.EqualTo("t"));
    }

    [Test]
    public void Empty_ref_is_a_ref_and_null_is_none()
    {
        var frame = DecodedFrame.OfText("""["",null,"","",{}]"""u8, WireVersion.V2);

        Assert.That(frame, Is.EqualTo(new DecodedFrame(FrameKind.Text, "", null, "", "") { PayloadBytes = "{}" }));
    }

    [TestCase(WireVersion.V1)]
    [TestCase(WireVersion.V2)]
    public void Payload_nested_100_deep_is_read(WireVersion version)
    {
        string nested = Nested(100);

        Assert.That(DecodedFrame.OfText(WithPayload(nested, version), version).Payload, Is.EqualTo(nested));
    }

    [TestCase(WireVersion.V1)]
    [TestCase(WireVersion.V2)]
    public void Payload_nested_100_000_deep_is_refused(WireVersion version) =>
        AssertRefused(WithPayload(Nested(100_000), version), version, WireErrorCode.NotJson, "byte");

    [TestCase(WireVersion.V1)]
    [TestCase(WireVersion.V2)]
    public void Payload_of_five_megabytes_is_read_whole(WireVersion version)
    {
        string large = "\"" + new string('x', 5_000_000) + "\"";

        Assert.That(DecodedFrame.OfText(WithPayload(large, version), version).Payload, Has.Length.EqualTo(large.Length));
    }

    [Test]
    public void Error_never_repeats_what_the_peer_sent()
    {
        foreach (string text in new[] { "secret", """["secret",secret]""", """["secret","secret","secret",{"secret":1},1]""", """["\ud800secret",1,1,1,1]""" })
        {
            WireError error = Error(Encoding.UTF8.GetBytes(text), WireVersion.V2);
            Assert.That(error.Code, Is.Not.EqualTo(WireErrorCode.None));
            Assert.That(error.ToString(), Does.Not.Contain("secret"));
        }
    }

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static byte[] WithPayload(string json, WireVersion version) => Encoding.UTF8.GetBytes(
        version is WireVersion.V1 ? $$"""{"topic":"t","event":"e","payload":{{json}},"ref":null}""" : $"""[null,null,"t","e",{json}]""");

    private static WireError Error(ReadOnlySpan<byte> utf8, WireVersion version)
    {
        bool isFrame = FrameReader.TryReadText(utf8, version, out _, out WireError error);
        Assert.That(isFrame, Is.EqualTo(error.Code is WireErrorCode.None));
        return error;
    }

    private static void AssertRefused(byte[] utf8, WireVersion version, WireErrorCode code, string detail)
    {
        WireError error = Error(utf8, version);
        Assert.That(error.Code, Is.EqualTo(code), error.ToString());
        Assert.That(error.Detail, Does.Contain(detail));
    }
}

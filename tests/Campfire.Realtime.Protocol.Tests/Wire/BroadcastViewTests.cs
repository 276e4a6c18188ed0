using System.Text;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class BroadcastViewTests
{
    [TestCase("""{"type":"broadcast","event":"e","payload":{"a":1},"meta":{"id":"x"}}""", "e", """{"a":1}""", """{"id":"x"}""")]
    [TestCase("""{"event":"e"}""", "e", "", "")]
    [TestCase("""{"payload":null,"event":"e"}""", "e", "null", "")]
    [TestCase("""{"payload":"text","event":"e"}""", "e", "\"text\"", "")]
    [TestCase("""{"payload":[{"event":"inner"}],"event":"e"}""", "e", """[{"event":"inner"}]""", "")]
    [TestCase("""{"x":{"event":"inner"},"event":"e\u00e9\"","payload":{}}""", "eé\"", "{}", "")]
    [TestCase("""{"\u0065vent":"e","payload":{}}""", "e", "{}", "")]
    [TestCase("""{"event":"a","payload":1,"event":"e","payload":2}""", "e", "2", "")]
    public void Envelope_is_read_whatever_its_order(string envelope, string name, string payload, string metadata)
    {
        Assert.That(BroadcastView.TryRead(TextFrame(envelope), out BroadcastView broadcast, out WireError error), Is.True, error.ToString());

        Assert.That(Encoding.UTF8.GetString(broadcast.Event), Is.EqualTo(name));
        Assert.That(Encoding.UTF8.GetString(broadcast.Payload), Is.EqualTo(payload));
        Assert.That(Encoding.UTF8.GetString(broadcast.Metadata), Is.EqualTo(metadata));
        Assert.That(broadcast.IsBinary, Is.False);
    }

    [TestCase("{}", WireErrorCode.MissingField, "event")]
    [TestCase("""{"payload":{}}""", WireErrorCode.MissingField, "event")]
    [TestCase("""{"event":""}""", WireErrorCode.MissingField, "event")]
    [TestCase("""{"event":1}""", WireErrorCode.WrongType, "event")]
    [TestCase("""{"event":null}""", WireErrorCode.WrongType, "event")]
    [TestCase("""{"event":{"event":"e"}}""", WireErrorCode.WrongType, "event")]
    [TestCase("[]", WireErrorCode.WrongType, "object")]
    [TestCase("null", WireErrorCode.WrongType, "object")]
    [TestCase("\"e\"", WireErrorCode.WrongType, "object")]
    [TestCase("""{"event":"\ud800"}""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""{"\ud800":1,"event":"e"}""", WireErrorCode.NotJson, "surrogate")]
    public void Envelope_without_readable_event_is_refused(string envelope, WireErrorCode code, string detail)
    {
        Assert.That(BroadcastView.TryRead(TextFrame(envelope), out BroadcastView broadcast, out WireError error), Is.False);

        Assert.That(error.Code, Is.EqualTo(code), error.ToString());
        Assert.That(error.Detail, Does.Contain(detail));
        Assert.That(broadcast.Event.IsEmpty && broadcast.Payload.IsEmpty, Is.True);
    }

    [Test]
    public void Binary_broadcast_of_kind_2_carries_an_envelope()
    {
        var frame = new Frame { Kind = FrameKind.Broadcast, Topic = "t"u8, Event = "broadcast"u8, IsBinaryPayload = true, Payload = """{"event":"e","payload":1}"""u8 };

        Assert.That(BroadcastView.TryRead(frame, out BroadcastView broadcast, out _), Is.True);
        Assert.That(Encoding.UTF8.GetString(broadcast.Event), Is.EqualTo("e"));
        Assert.That(Encoding.UTF8.GetString(broadcast.Payload), Is.EqualTo("1"));
    }

    [TestCase("")]
    [TestCase("\u00ff")]
    [TestCase("""{"event":"e","payload":1}x""")]
    [TestCase("""{"event":"e","payload":1""")]
    [TestCase("{\"event\":\"e\",\"payload\":\"\u00ff\"}")]
    public void Binary_broadcast_of_kind_2_with_other_bytes_is_refused(string latin1)
    {
        var frame = new Frame { Kind = FrameKind.Broadcast, Topic = "t"u8, Event = "broadcast"u8, IsBinaryPayload = true, Payload = Encoding.Latin1.GetBytes(latin1) };

        Assert.That(BroadcastView.TryRead(frame, out _, out WireError error), Is.False);
        Assert.That(error.Code, Is.AnyOf(WireErrorCode.NotJson, WireErrorCode.NotUtf8));
    }

    [Test]
    public void Payload_nested_100_deep_is_read()
    {
        string nested = new string('[', 100) + new string(']', 100);

        Assert.That(BroadcastView.TryRead(TextFrame($$"""{"event":"e","payload":{{nested}}}"""), out BroadcastView broadcast, out _), Is.True);
        Assert.That(Encoding.UTF8.GetString(broadcast.Payload), Is.EqualTo(nested));
    }

    private static Frame TextFrame(string envelope)
    {
        byte[] text = Encoding.UTF8.GetBytes($"""[null,null,"t","broadcast",{envelope}]""");
        Assert.That(FrameReader.TryReadText(text, WireVersion.V2, out Frame frame, out WireError error), Is.True, error.ToString());
        return frame;
    }
}

using System.Text;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class ReplyViewTests
{
    [TestCase("""{"status":"ok","response":{}}""", true, "{}", null)]
    [TestCase("""{"response":{"postgres_changes":[]},"status":"ok"}""", true, """{"postgres_changes":[]}""", null)]
    [TestCase("""{"status":"o\u006b","response":{}}""", true, "{}", null)]
    [TestCase("""{"status":"ok"}""", true, "", null)]
    [TestCase("""{"status":"OK","response":{}}""", false, "{}", null)]
    [TestCase("""{"status":"error","response":{}}""", false, "{}", null)]
    [TestCase("""{"status":"error","response":null}""", false, "null", null)]
    [TestCase("""{"status":"error","response":[]}""", false, "[]", null)]
    [TestCase("""{"status":"error","response":{"reason":"Unauthorized: no"}}""", false, """{"reason":"Unauthorized: no"}""", "Unauthorized: no")]
    [TestCase("""{"status":"error","response":{"x":[{"reason":"inner"}],"reason":"outer"}}""", false, """{"x":[{"reason":"inner"}],"reason":"outer"}""", "outer")]
    [TestCase("""{"status":"error","response":{"reason":{"code":1},"error":"text"}}""", false, """{"reason":{"code":1},"error":"text"}""", "text")]
    [TestCase("""{"status":"error","response":"payload_size_exceeded"}""", false, "\"payload_size_exceeded\"", "payload_size_exceeded")]
    [TestCase("""{"status":"error","response":{"reason":"\ud800"}}""", false, """{"reason":"\ud800"}""", null)]
    [TestCase("""{"status":"error","response":{"\ud800":1,"reason":"r"}}""", false, """{"\ud800":1,"reason":"r"}""", null)]
    [TestCase("""{"status":"timeout","status":"ok","response":1,"response":2}""", true, "2", null)]
    public void Reply_is_read_with_its_reason(string payload, bool isOk, string response, string? reason)
    {
        Assert.That(ReplyView.TryRead(TextFrame(payload), out ReplyView reply, out WireError error), Is.True, error.ToString());

        Assert.That(reply.IsOk, Is.EqualTo(isOk));
        Assert.That(Encoding.UTF8.GetString(reply.Response), Is.EqualTo(response));
        Assert.That(reply.ReadReason(), Is.EqualTo(reason));
    }

    [TestCase("{}", WireErrorCode.MissingField, "status")]
    [TestCase("""{"response":{"status":"ok"}}""", WireErrorCode.MissingField, "status")]
    [TestCase("""{"status":1,"response":{}}""", WireErrorCode.WrongType, "status")]
    [TestCase("""{"status":null,"response":{}}""", WireErrorCode.WrongType, "status")]
    [TestCase("[]", WireErrorCode.WrongType, "object")]
    [TestCase("\"ok\"", WireErrorCode.WrongType, "object")]
    [TestCase("""{"status":"\ud800","response":{}}""", WireErrorCode.NotJson, "surrogate")]
    [TestCase("""{"\udc00":1,"status":"ok"}""", WireErrorCode.NotJson, "surrogate")]
    public void Reply_without_readable_status_is_refused(string payload, WireErrorCode code, string detail)
    {
        Assert.That(ReplyView.TryRead(TextFrame(payload), out ReplyView reply, out WireError error), Is.False);

        Assert.That(error.Code, Is.EqualTo(code), error.ToString());
        Assert.That(error.Detail, Does.Contain(detail));
        Assert.That(reply.IsOk, Is.False);
    }

    [Test]
    public void Response_nested_100_deep_is_read()
    {
        string nested = new string('[', 100) + new string(']', 100);

        Assert.That(
            ReplyView.TryRead(TextFrame($$$"""{"status":"error","response":{"x":{{{nested}}},"reason":"r"}}"""), out ReplyView reply, out WireError error),
            Is.True, error.ToString());
        Assert.That(reply.ReadReason(), Is.EqualTo("r"));
    }

    [TestCase("ok", true)]
    [TestCase("error", false)]
    public void Binary_reply_has_its_status_in_the_header(string status, bool isOk)
    {
        var frame = new Frame { Kind = FrameKind.Reply, Status = Encoding.UTF8.GetBytes(status), Payload = """{"reason":"r"}"""u8 };

        Assert.That(ReplyView.TryRead(frame, out ReplyView reply, out _), Is.True);
        Assert.That(reply.IsOk, Is.EqualTo(isOk));
        Assert.That(reply.ReadReason(), Is.EqualTo("r"));
    }

    [TestCase("")]
    [TestCase("\u00ff\u00fe")]
    [TestCase("{")]
    [TestCase("{\"reason\":\"\u00ff\"}")]
    public void Reason_of_a_binary_reply_that_is_not_JSON_is_none(string latin1)
    {
        var frame = new Frame { Kind = FrameKind.Reply, Status = "error"u8, Payload = Encoding.Latin1.GetBytes(latin1) };

        Assert.That(ReplyView.TryRead(frame, out ReplyView reply, out _), Is.True);
        Assert.That(reply.ReadReason(), Is.Null);
    }

    private static Frame TextFrame(string payload)
    {
        byte[] text = Encoding.UTF8.GetBytes($"""["1","2","t","phx_reply",{payload}]""");
        Assert.That(FrameReader.TryReadText(text, WireVersion.V2, out Frame frame, out WireError error), Is.True, error.ToString());
        return frame;
    }
}

using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class RestBroadcastTests
{
    [Test]
    public async Task Point_72_a_batch_is_accepted_and_delivered_as_text_with_its_id()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        await socket.JoinAsync($"realtime:{topic}");
        await old.JoinAsync($"realtime:{topic}");

        var (status, body) = await Rest.PostJsonAsync(
            "broadcast",
            $$$"""{"messages":[{"topic":"{{{topic}}}","event":"e","payload":{"r":1},"id":"m1"},{"topic":"{{{topic}}}","event":"f","payload":{},"private":"0"}]}""");

        Assert.That(((int)status, body), Is.EqualTo((202, "")));
        foreach (var member in (PlainSocket[])[socket, old])
        {
            var frame = await member.EventAsync("broadcast");
            Assert.That(JsonNode.DeepEquals(frame.Payload, JsonNode.Parse("""{"event":"e","payload":{"r":1},"type":"broadcast","meta":{"id":"m1"}}""")), Is.True, frame.Text);
            frame = await member.EventAsync("broadcast");
            Assert.That(JsonNode.DeepEquals(frame.Payload, JsonNode.Parse("""{"event":"f","payload":{},"type":"broadcast"}""")), Is.True, frame.Text);
        }
    }

    [Test]
    public async Task Point_72_one_invalid_message_rejects_the_batch_with_positional_errors()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync($"realtime:{topic}");

        var (status, body) = await Rest.PostJsonAsync(
            "broadcast", $$$"""{"messages":[{"topic":"{{{topic}}}"},{"topic":"{{{topic}}}","event":"e","payload":{}}]}""");
        await socket.BarrierAsync($"realtime:{topic}", joinRef);

        AssertErrors((int)status, body, """{"messages":[{"payload":["can't be blank"],"event":["can't be blank"]},{}]}""");
        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCase("{}", """["can't be blank"]""")]
    [TestCase("""{"messages":null}""", """["can't be blank"]""")]
    [TestCase("""{"messages":[]}""", """["can't be blank"]""")]
    [TestCase("[]", """["can't be blank"]""")]
    [TestCase("""{"messages":"x"}""", """["is invalid"]""")]
    [TestCase("""{"messages":[7]}""", """["is invalid"]""")]
    [TestCase("""{"messages":[{"topic":1,"event":"  ","payload":[]}]}""", """[{"topic":["is invalid"],"event":["can't be blank"],"payload":["is invalid"]}]""")]
    [TestCase("""{"messages":[{"topic":"t","event":"e","payload":null}]}""", """[{"payload":["can't be blank"]}]""")]
    [TestCase("""{"messages":[{"topic":"t","event":"e","payload":{},"private":"maybe"}]}""", """[{"private":["is invalid"]}]""")]
    [TestCase("""{"messages":[{"topic":"t","event":"e","payload":{},"id":7}]}""", """[{"id":["is invalid"]}]""")]
    public async Task Point_72_what_is_wrong_in_a_batch_is_named(string json, string errors)
    {
        var (status, body) = await Rest.PostJsonAsync("broadcast", json);

        AssertErrors((int)status, body, $$"""{"messages":{{errors}}}""");
    }

    [Test]
    public async Task Point_72_a_payload_that_is_too_large_is_named()
    {
        var (status, body) = await Rest.PostJsonAsync(
            "broadcast", $$$"""{"messages":[{"topic":"t","event":"e","payload":{"x":"{{{new string('x', 3_100_000)}}}"}}]}""");

        AssertErrors((int)status, body, """{"messages":[{"payload":["Payload size exceeds tenant limit"]}]}""");
    }

    [Test]
    public async Task Point_72_a_body_of_another_type_is_not_read()
    {
        var (status, body) = await Rest.PostAsync("broadcast", new StringContent("""{"messages":[]}""", Encoding.UTF8, "text/plain"));

        AssertErrors((int)status, body, """{"messages":["can't be blank"]}""");
    }

    [Test]
    public async Task Point_72_a_denied_private_topic_is_skipped_in_silence()
    {
        var user = Guid.NewGuid().ToString();
        await using var denied = await Target.ConnectAsync();
        await using var allowed = await Target.ConnectAsync();
        var (deniedRef, _) = await denied.JoinAsync($"realtime:read:{user}", new() { ["private"] = true }, Target.TokenFor(user));
        await allowed.JoinAsync($"realtime:user:{user}", new() { ["private"] = true }, Target.TokenFor(user));

        var (status, body) = await Rest.PostJsonAsync(
            "broadcast",
            $$$"""{"messages":[{"topic":"read:{{{user}}}","event":"e","payload":{},"private":true},{"topic":"user:{{{user}}}","event":"e","payload":{},"private":true}]}""",
            Target.TokenFor(user));
        await denied.BarrierAsync($"realtime:read:{user}", deniedRef);

        Assert.That(((int)status, body), Is.EqualTo((202, "")));
        Assert.That((await allowed.EventAsync("broadcast")).Topic, Is.EqualTo($"realtime:user:{user}"));
        Assert.That(denied.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_72_public_messages_go_out_before_private_ones()
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:user:{user}", new() { ["private"] = true }, Target.TokenFor(user));
        await socket.JoinAsync($"realtime:open:{user}");

        await Rest.PostJsonAsync(
            "broadcast",
            $$$"""{"messages":[{"topic":"user:{{{user}}}","event":"e","payload":{},"private":true},{"topic":"open:{{{user}}}","event":"e","payload":{}}]}""",
            Target.TokenFor(user));

        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo($"realtime:open:{user}"));
        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo($"realtime:user:{user}"));
    }

    [TestCase("garbage")]
    [TestCase("expired")]
    public async Task Point_72_a_wrong_token_is_unauthorized(string token)
    {
        var (status, body) = await Rest.PostJsonAsync(
            "broadcast", "{}", token == "expired" ? Target.TokenFor("u", TimeSpan.FromMinutes(-1)) : token);

        Assert.That(((int)status, body), Is.EqualTo((401, """{"message":"Unauthorized"}""")));
    }

    [Test]
    public async Task Point_73_single_broadcasts_arrive_as_kind_4_and_in_version_1_as_text_unless_they_are_bytes()
    {
        var topic = $"a/b é:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        await socket.JoinAsync($"realtime:{topic}");
        var (oldRef, _) = await old.JoinAsync($"realtime:{topic}");
        var path = $"broadcast/{Uri.EscapeDataString(topic)}/events/{Uri.EscapeDataString("x/y")}";

        var (bytes, bytesBody) = await Rest.PostAsync(path, Rest.Bytes(9, 8, 7));
        var (json, jsonBody) = await Rest.PostJsonAsync(path, """{"r":1}""");

        Assert.That(((int)json, jsonBody, (int)bytes, bytesBody), Is.EqualTo((202, "", 202, "")));
        var first = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        var second = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((first.IsBinary, first.Metadata, first.Payload), Is.EqualTo((true, "", new byte[] { 9, 8, 7 })));
        Assert.That((second.Topic, second.Event, second.Metadata, second.IsBinary, Encoding.UTF8.GetString(second.Payload)),
            Is.EqualTo(($"realtime:{topic}", "x/y", "", false, """{"r":1}""")));
        await old.BarrierAsync($"realtime:{topic}", oldRef);
        var only = old.Unread.Single(frame => frame.Event == "broadcast");
        Assert.That(JsonNode.DeepEquals(only.Payload, JsonNode.Parse("""{"type":"broadcast","event":"x/y","payload":{"r":1}}""")), Is.True, only.Text);
    }

    [TestCase("[1]", """{"_json":[1]}""")]
    [TestCase("7", """{"_json":7}""")]
    [TestCase("", "{}")]
    [TestCase("null", """{"_json":null}""")]
    public async Task Point_73_a_body_that_is_no_object_is_wrapped(string json, string payload)
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{topic}");

        var (status, _) = await Rest.PostJsonAsync($"broadcast/{topic}/events/e", json);

        Assert.That((int)status, Is.EqualTo(202));
        Assert.That(Encoding.UTF8.GetString(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload), Is.EqualTo(payload));
    }

    [Test]
    public async Task Point_73_without_a_content_type_an_empty_object_is_sent()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{topic}");
        using var content = new ByteArrayContent("""{"r":1}"""u8.ToArray());

        var (status, _) = await Rest.PostAsync($"broadcast/{topic}/events/e", content);

        var (_, _, _, isBinary, payload) = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That(((int)status, isBinary, Encoding.UTF8.GetString(payload)), Is.EqualTo((202, false, "{}")));
    }

    [Test]
    public async Task Point_73_a_body_decides_over_the_query_who_is_private_and_may_hold_bytes()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{topic}");

        var (open, _) = await Rest.PostJsonAsync($"broadcast/{topic}/events/e?private=true", """{"private":false}""");
        var (closed, _) = await Rest.PostJsonAsync($"broadcast/{topic}/events/e", """{"private":true}""");
        var (bytes, _) = await Rest.PostJsonAsync($"broadcast/{topic}/events/e", """{"_binary":"abc"}""");

        Assert.That(((int)open, (int)closed, (int)bytes), Is.EqualTo((202, 403, 202)));
        Assert.That(Encoding.UTF8.GetString(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload), Is.EqualTo("""{"private":false}"""));
        var (_, _, _, isBinary, payload) = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((isBinary, Encoding.UTF8.GetString(payload)), Is.EqualTo((true, "abc")));
    }

    [Test]
    public async Task Point_73_a_private_broadcast_needs_the_write_policy()
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:user:{user}", new() { ["private"] = true }, Target.TokenFor(user));

        var denied = await Rest.PostJsonAsync($"broadcast/read:{user}/events/e?private=true", "{}", Target.TokenFor(user));
        var allowed = await Rest.PostJsonAsync($"broadcast/user:{user}/events/e?private=true", """{"n":1}""", Target.TokenFor(user));

        Assert.That(((int)denied.Status, denied.Body), Is.EqualTo((403, """{"message":"Unauthorized"}""")));
        Assert.That(((int)allowed.Status, allowed.Body), Is.EqualTo((202, "")));
        Assert.That(Encoding.UTF8.GetString(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload), Is.EqualTo("""{"n":1}"""));
    }

    [Test]
    public async Task Point_73_refusals_of_single_broadcasts()
    {
        var mediaType = await Rest.PostAsync("broadcast/t/events/e", new StringContent("x", Encoding.UTF8, "text/plain"), "garbage");
        var tooLarge = await Rest.PostAsync("broadcast/t/events/e", Rest.Bytes(new byte[3_100_000]));
        var largeText = await Rest.PostJsonAsync("broadcast/t/events/e", $$"""{"x":"{{new string('x', 3_100_000)}}"}""");
        var unauthorized = await Rest.PostJsonAsync("broadcast/t/events/e", "{}", "garbage");
        var blank = await Rest.PostJsonAsync("broadcast/%20/events/e", "{}");

        Assert.Multiple(() =>
        {
            Assert.That(((int)mediaType.Status, mediaType.Body),
                Is.EqualTo((415, """{"error":"Unsupported Media Type. Use application/json or application/octet-stream"}""")), "before the token is looked at");
            AssertErrors((int)tooLarge.Status, tooLarge.Body, """{"payload":["Payload size exceeds tenant limit"]}""");
            AssertErrors((int)largeText.Status, largeText.Body, """{"payload":["Payload size exceeds tenant limit"]}""");
            Assert.That(((int)unauthorized.Status, unauthorized.Body), Is.EqualTo((401, """{"message":"Unauthorized"}""")));
            AssertErrors((int)blank.Status, blank.Body, """{"topic":["can't be blank"]}""");
        });
    }

    [Test]
    public async Task Point_73_a_media_type_may_have_parameters_and_any_case()
    {
        using var json = new ByteArrayContent("{}"u8.ToArray());
        json.Headers.ContentType = MediaTypeHeaderValue.Parse("Application/JSON; charset=utf-8");

        Assert.That((int)(await Rest.PostAsync($"broadcast/{Guid.NewGuid()}/events/e", json)).Status, Is.EqualTo(202));
    }

    private static void AssertErrors(int status, string body, string errors)
    {
        Assert.That(status, Is.EqualTo(422));
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(body), JsonNode.Parse($$"""{"errors":{{errors}}}""")), Is.True, body);
    }
}

using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class BroadcastTests
{
    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    private static JsonObject Config(string broadcast) => new() { ["broadcast"] = JsonNode.Parse(broadcast) };

    [TestCase("""{"type":"broadcast","event":"e","payload":{"a":[1,2,{"b":null}]},"extra":1.50}""")]
    [TestCase("{}")]
    [TestCase("""{"ü":"\u00fc 😀"}""")]
    public async Task C41_text_payload_is_relayed_verbatim(string payload)
    {
        var topic = NewTopic();
        await using var sender = await Target.ConnectAsync();
        await using var member = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        await sender.JoinAsync(topic);
        await member.JoinAsync(topic);
        await old.JoinAsync(topic);

        await sender.SendAsync($$"""[null,"9","{{topic}}","broadcast",{{payload}}]""");

        var frame = await member.EventAsync("broadcast");
        Assert.That(JsonNode.DeepEquals(frame.Payload, JsonNode.Parse(payload)), Is.True, frame.Text);
        Assert.That((frame.JoinRef, frame.Ref), Is.EqualTo(((string?)null, (string?)null)));
        Assert.That(JsonNode.DeepEquals((await old.EventAsync("broadcast")).Payload, JsonNode.Parse(payload)), Is.True);
    }

    [TestCase("""{"self":false,"ack":true}""", 0)]
    [TestCase("""{"self":true,"ack":true}""", 1)]
    public async Task C42_self_decides_whether_the_sender_receives_its_own(string config, int copies)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config(config));

        await socket.ReplyToAsync(await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread.Count(frame => frame.Event == "broadcast"), Is.EqualTo(copies));
    }

    [Test]
    public async Task C43_without_ack_nothing_is_answered()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic);

        await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task C44_an_oversized_payload_is_refused_with_a_bare_string_and_not_delivered()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true,"ack":true}"""));

        var payload = new JsonObject { ["event"] = "big", ["payload"] = new string('x', 3_200_000) };
        var reference = await socket.PushAsync(topic, "broadcast", payload, joinRef);

        Assert.That((await socket.ReplyToAsync(reference)).Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":"payload_size_exceeded"}"""));
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task C47_metadata_of_a_push_is_not_forwarded()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true}"""));

        await socket.SendAsync(BinaryFrames.Push(joinRef, "2", topic, "e", "{}"u8.ToArray(), isBinary: false, metadata: """{"persist":true}"""));

        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Metadata, Is.Empty);
    }

    [Test]
    public async Task C48_public_and_private_members_of_one_name_do_not_meet()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var open = await Target.ConnectAsync();
        await using var closed = await Target.ConnectAsync();
        var (openRef, _) = await open.JoinAsync(topic, Config("""{"ack":true}"""));
        var (closedRef, _) = await closed.JoinAsync(topic, JsonNode.Parse("""{"private":true,"broadcast":{"ack":true}}""")!.AsObject(), Target.TokenFor(user));

        await open.ReplyToAsync(await open.PushAsync(topic, "broadcast", new JsonObject(), openRef));
        await closed.ReplyToAsync(await closed.PushAsync(topic, "broadcast", new JsonObject(), closedRef));
        await open.BarrierAsync(topic, openRef);
        await closed.BarrierAsync(topic, closedRef);

        Assert.That(open.Unread.Concat(closed.Unread), Is.Empty);
    }

    [Test]
    public async Task C72_a_rest_batch_is_accepted_and_delivered_as_text_with_its_id()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{topic}");

        var (status, body) = await Rest.PostJsonAsync(
            "broadcast", $$"""{"messages":[{"topic":"{{topic}}","event":"e","payload":{"r":1},"id":"m1"}]}""");

        Assert.That(((int)status, body), Is.EqualTo((202, "")));
        var frame = await socket.EventAsync("broadcast");
        Assert.That(JsonNode.DeepEquals(frame.Payload, JsonNode.Parse("""{"event":"e","payload":{"r":1},"type":"broadcast","meta":{"id":"m1"}}""")), Is.True, frame.Text);
    }

    [Test]
    public async Task C72_one_invalid_message_rejects_the_batch_with_positional_errors()
    {
        var topic = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync($"realtime:{topic}");

        var (status, body) = await Rest.PostJsonAsync(
            "broadcast", $$$"""{"messages":[{"topic":"{{{topic}}}"},{"topic":"{{{topic}}}","event":"e","payload":{}}]}""");
        await socket.BarrierAsync($"realtime:{topic}", joinRef);

        Assert.That((int)status, Is.EqualTo(422));
        Assert.That(
            JsonNode.DeepEquals(JsonNode.Parse(body), JsonNode.Parse("""{"errors":{"messages":[{"payload":["can't be blank"],"event":["can't be blank"]},{}]}}""")),
            Is.True,
            body);
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task C72_a_denied_private_topic_is_skipped_in_silence()
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        var topic = $"realtime:read:{user}";
        var (joinRef, _) = await socket.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));

        var (status, _) = await Rest.PostJsonAsync(
            "broadcast", $$"""{"messages":[{"topic":"read:{{user}}","event":"e","payload":{},"private":true}]}""", Target.TokenFor(user));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That((int)status, Is.EqualTo(202));
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task C73_single_broadcasts_arrive_as_kind_4()
    {
        var topic = $"a/b é:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{topic}");
        var path = $"broadcast/{Uri.EscapeDataString(topic)}/events/{Uri.EscapeDataString("x/y")}";

        var (json, _) = await Rest.PostJsonAsync(path, """{"r":1}""");
        var (bytes, _) = await Rest.PostAsync(path, Rest.Bytes(9, 8, 7));

        Assert.That(((int)json, (int)bytes), Is.EqualTo((202, 202)));
        var first = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        var second = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((first.Topic, first.Event, first.Metadata, first.IsBinary, Encoding.UTF8.GetString(first.Payload)),
            Is.EqualTo(($"realtime:{topic}", "x/y", "", false, """{"r":1}""")));
        Assert.That((second.IsBinary, second.Payload), Is.EqualTo((true, new byte[] { 9, 8, 7 })));
    }

    [Test]
    public async Task C73_refusals_of_single_broadcasts()
    {
        var user = Guid.NewGuid().ToString();

        var mediaType = await Rest.PostAsync("broadcast/t/events/e", new StringContent("x", Encoding.UTF8, "text/plain"));
        var denied = await Rest.PostJsonAsync($"broadcast/read:{user}/events/e?private=true", "{}", Target.TokenFor(user));
        var tooLarge = await Rest.PostAsync("broadcast/t/events/e", Rest.Bytes(new byte[3_100_000]));
        var unauthorized = await Rest.PostJsonAsync("broadcast/t/events/e", "{}", "garbage");

        Assert.Multiple(() =>
        {
            Assert.That(((int)mediaType.Status, mediaType.Body),
                Is.EqualTo((415, """{"error":"Unsupported Media Type. Use application/json or application/octet-stream"}""")));
            Assert.That(((int)denied.Status, denied.Body), Is.EqualTo((403, """{"message":"Unauthorized"}""")));
            Assert.That(((int)tooLarge.Status, tooLarge.Body), Is.EqualTo((422, """{"errors":{"payload":["Payload size exceeds tenant limit"]}}""")));
            Assert.That(((int)unauthorized.Status, unauthorized.Body), Is.EqualTo((401, """{"message":"Unauthorized"}""")));
        });
    }
}

using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class BroadcastTests
{
    private static readonly byte[] _bytes = [0, 1, 2, 255];

    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    private static JsonObject Config(string broadcast) => new() { ["broadcast"] = JsonNode.Parse(broadcast) };

    [TestCase("""{"type":"broadcast","event":"e","payload":{"a":[1,2,{"b":null}]},"extra":1.50}""")]
    [TestCase("{}")]
    [TestCase("""{"event":7,"payload":"text"}""")]
    [TestCase("""{"ü":"\u00fc 😀"}""")]
    public async Task Point_41_text_payload_is_relayed_verbatim(string payload)
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

    [Test]
    public async Task Point_41_text_of_version_1_is_relayed_to_both_versions()
    {
        var topic = NewTopic();
        await using var old = await Target.ConnectAsync("1.0.0");
        await using var member = await Target.ConnectAsync();
        var (joinRef, _) = await old.JoinAsync(topic, Config("""{"self":true,"ack":true}"""));
        await member.JoinAsync(topic);
        var payload = JsonNode.Parse("""{"type":"broadcast","event":"e","payload":{"a":1}}""")!;

        var reference = await old.PushAsync(topic, "broadcast", payload.DeepClone(), joinRef);

        Assert.That(JsonNode.DeepEquals((await old.EventAsync("broadcast")).Payload, payload), Is.True);
        Assert.That((await old.ReplyToAsync(reference)).Payload!.ToJsonString(), Is.EqualTo("""{"status":"ok","response":{}}"""));
        Assert.That(JsonNode.DeepEquals((await member.EventAsync("broadcast")).Payload, payload), Is.True);
    }

    // No serializer can write it for a member; without one, nobody notices.
    [TestCase("[1]")]
    [TestCase("\"text\"")]
    [TestCase("null")]
    public async Task Point_41_a_payload_that_is_no_object_costs_the_sender_its_channel(string payload)
    {
        var topic = NewTopic();
        await using var sender = await Target.ConnectAsync();
        await using var member = await Target.ConnectAsync();
        var (joinRef, _) = await sender.JoinAsync(topic, Config("""{"ack":true}"""));
        await sender.SendAsync($"""["{joinRef}","8","{topic}","broadcast",{payload}]""");
        var alone = await sender.ReplyToAsync("8");
        var (memberRef, _) = await member.JoinAsync(topic);

        await sender.SendAsync($"""["{joinRef}","9","{topic}","broadcast",{payload}]""");

        var crashed = await sender.EventAsync("phx_error");
        await member.BarrierAsync(topic, memberRef);
        Assert.That((string?)alone.Payload!["status"], Is.EqualTo("ok"));
        Assert.That((crashed.JoinRef, crashed.Ref, crashed.Payload!.ToJsonString()), Is.EqualTo((joinRef, joinRef, """{"reason":"channel_crash"}""")));
        Assert.That(member.Unread, Is.Empty);
        Assert.That((string?)(await sender.JoinAsync(topic)).Reply["status"], Is.EqualTo("ok"));
    }

    [TestCase("""{"self":false,"ack":true}""", 0)]
    [TestCase("""{"self":true,"ack":true}""", 1)]
    public async Task Point_42_self_decides_whether_the_sender_receives_its_own(string config, int copies)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config(config));

        await socket.ReplyToAsync(await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef));
        await socket.SendAsync(BinaryFrames.Push(joinRef, "b", topic, "e", "{}"u8.ToArray(), isBinary: false));
        await socket.ReplyToAsync("b");

        Assert.That(socket.Unread.Count(frame => frame.Event == "broadcast"), Is.EqualTo(copies));
        Assert.That(socket.Unread.Count(frame => frame.IsBinary), Is.EqualTo(copies));
    }

    [Test]
    public async Task Point_42_another_channel_of_the_same_topic_is_no_self()
    {
        var topic = NewTopic();
        await using var sender = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (joinRef, _) = await sender.JoinAsync(topic);
        await other.JoinAsync(topic);

        await sender.PushAsync(topic, "broadcast", new JsonObject { ["n"] = 1 }, joinRef);

        Assert.That((int)(await other.EventAsync("broadcast")).Payload!["n"]!, Is.EqualTo(1));
    }

    [Test]
    public async Task Point_43_an_acknowledgement_is_ok_with_an_empty_response_and_follows_the_own_copy()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true,"ack":true}"""));

        var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);

        Assert.That((await socket.NextAsync()).Event, Is.EqualTo("broadcast"));
        Assert.That((await socket.NextAsync()).Text, Is.EqualTo($$$"""["{{{joinRef}}}","{{{reference}}}","{{{topic}}}","phx_reply",{"status":"ok","response":{}}]"""));
    }

    [Test]
    public async Task Point_43_without_ack_nothing_is_answered()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic);

        await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
        await socket.SendAsync(BinaryFrames.Push(joinRef, "b", topic, "e", _bytes, isBinary: true));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_44_an_oversized_payload_is_refused_with_a_bare_string_and_not_delivered()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true,"ack":true}"""));

        var payload = new JsonObject { ["event"] = "big", ["payload"] = new string('x', 3_200_000) };
        var text = await socket.ReplyToAsync(await socket.PushAsync(topic, "broadcast", payload, joinRef));
        await socket.SendAsync(BinaryFrames.Push(joinRef, "b", topic, "big", new byte[3_200_000], isBinary: true));
        var binary = await socket.ReplyToAsync("b");

        Assert.That(text.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":"payload_size_exceeded"}"""));
        Assert.That(binary.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":"payload_size_exceeded"}"""));
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_44_without_ack_an_oversized_payload_vanishes_and_the_channel_stays()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true}"""));

        await socket.PushAsync(topic, "broadcast", new JsonObject { ["payload"] = new string('x', 3_200_000) }, joinRef);
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_47_metadata_of_a_push_is_not_forwarded()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true}"""));
        await old.JoinAsync(topic);

        await socket.SendAsync(BinaryFrames.Push(joinRef, "2", topic, "e", """{"a":1}"""u8.ToArray(), isBinary: false, metadata: """{"persist":true}"""));

        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Metadata, Is.Empty);
        Assert.That(
            JsonNode.DeepEquals((await old.EventAsync("broadcast")).Payload, JsonNode.Parse("""{"type":"broadcast","event":"e","payload":{"a":1}}""")), Is.True);
    }

    [Test]
    public async Task Point_47_metadata_that_is_no_json_makes_a_malformed_frame_which_is_dropped()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"self":true,"ack":true}"""));

        await socket.SendAsync(BinaryFrames.Push(joinRef, "2", topic, "e", "{}"u8.ToArray(), isBinary: false, metadata: "{no"));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    // Not even the JSON of a kind 3 is looked at, and an encoding other than 0 counts as 1.
    [Test]
    public async Task Point_47_the_bytes_of_a_push_pass_through_unread()
    {
        var topic = NewTopic();
        await using var sender = await Target.ConnectAsync();
        await using var member = await Target.ConnectAsync();
        var (joinRef, _) = await sender.JoinAsync(topic);
        await member.JoinAsync(topic);
        var frame = BinaryFrames.Push(joinRef, "2", topic, "e", "{ \"a\" : no json"u8.ToArray(), isBinary: false);
        frame[6] = 7;

        await sender.SendAsync(frame);

        var (_, userEvent, _, isBinary, payload) = BinaryFrames.Read((await member.BinaryAsync()).Bytes);
        Assert.That((userEvent, isBinary, Encoding.UTF8.GetString(payload)), Is.EqualTo(("e", false, "{ \"a\" : no json")));
    }

    [Test]
    public async Task Point_48_public_and_private_members_of_one_name_do_not_meet()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var open = await Target.ConnectAsync();
        await using var closed = await Target.ConnectAsync();
        var (openRef, _) = await open.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"ack":true,"replication_ready":true},"presence":{"enabled":true}}""")!.AsObject());
        var (closedRef, _) = await closed.JoinAsync(
            topic, JsonNode.Parse("""{"private":true,"broadcast":{"ack":true},"presence":{"enabled":true}}""")!.AsObject(), Target.TokenFor(user));
        await open.EventAsync("system");

        await open.ReplyToAsync(await open.PushAsync(topic, "broadcast", new JsonObject(), openRef));
        await closed.ReplyToAsync(await closed.PushAsync(topic, "broadcast", new JsonObject(), closedRef));
        await Rest.PostJsonAsync($"broadcast/user:{user}/events/public", "{}");
        await Rest.PostJsonAsync($"broadcast/user:{user}/events/private?private=true", "{}", Target.TokenFor(user));
        await open.ReplyToAsync(await open.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"track"}"""), openRef));
        await closed.BarrierAsync(topic, closedRef);
        var unread = closed.Unread;

        Assert.That(BinaryFrames.Read((await open.BinaryAsync()).Bytes).Event, Is.EqualTo("public"));
        Assert.That(BinaryFrames.Read(unread.Single(frame => frame.IsBinary).Bytes).Event, Is.EqualTo("private"));
        Assert.That(open.Unread.Concat(unread).Where(frame => frame.Event == "broadcast"), Is.Empty);
        Assert.That(unread.Where(frame => frame.Event == "presence_diff"), Is.Empty);
    }

    [Test]
    public async Task Point_48_a_public_row_does_not_reach_a_private_member_nor_a_private_row_a_public_one()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var open = await Target.ConnectAsync();
        await using var closed = await Target.ConnectAsync();
        var (openRef, _) = await open.JoinAsync(topic, Config("""{"replication_ready":true}"""));
        var (closedRef, _) = await closed.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));
        await open.EventAsync("system");

        await Target.ExecuteAsync($$"""select realtime.send('{}', 'private', 'user:{{user}}', true), realtime.send('{}', 'public', 'user:{{user}}', false)""");
        var (first, second) = (await closed.BinaryAsync(), await open.BinaryAsync());
        await open.BarrierAsync(topic, openRef);
        await closed.BarrierAsync(topic, closedRef);

        Assert.That((BinaryFrames.Read(first.Bytes).Event, BinaryFrames.Read(second.Bytes).Event), Is.EqualTo(("private", "public")));
        Assert.That(open.Unread.Concat(closed.Unread).Where(frame => frame.IsBinary), Is.Empty);
    }

    [TestCase("INSERT", "{}")]
    [TestCase("postgres_changes", "{}")]
    [TestCase("phx_close", "{}")]
    [TestCase("access_token", "{}")]
    [TestCase("access_token", """{"access_token":7}""")]
    [TestCase("access_token", "[]")]
    public async Task An_event_that_nobody_knows_is_not_answered_and_the_channel_stays(string phoenixEvent, string payload)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Config("""{"ack":true}"""));

        await socket.PushAsync(topic, phoenixEvent, JsonNode.Parse(payload), joinRef);
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task A_kind_0_broadcast_goes_on_as_kind_2_and_costs_its_sender_the_channel_when_a_member_of_version_1_is_there()
    {
        var topic = NewTopic();
        await using var sender = await Target.ConnectAsync();
        await using var member = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        var (joinRef, _) = await sender.JoinAsync(topic);
        await member.JoinAsync(topic);
        byte[] fields = [.. new[] { joinRef, "2", topic, "broadcast" }.SelectMany(Encoding.UTF8.GetBytes)];
        byte[] push = [0, (byte)joinRef.Length, 1, (byte)topic.Length, 9, .. fields, .. _bytes];

        await sender.SendAsync(push);
        var received = (await member.BinaryAsync()).Bytes;
        await old.JoinAsync(topic);
        await sender.SendAsync(push);

        Assert.That(received, Is.EqualTo((byte[])[2, (byte)topic.Length, 9, .. Encoding.UTF8.GetBytes(topic + "broadcast"), .. _bytes]));
        Assert.That((await sender.EventAsync("phx_error")).JoinRef, Is.EqualTo(joinRef));
    }
}

using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class ReplayTests
{
    private static readonly byte[] _bytes = [0, 1, 2, 255];

    private static long MinuteAgo => DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds();

    private static JsonObject Replay(string replay) => new() { ["private"] = true, ["broadcast"] = new JsonObject { ["replay"] = JsonNode.Parse(replay) } };

    private static JsonObject Since(long since, string limit = "null") => Replay($$"""{"since":{{since}},"limit":{{limit}}}""");

    [Test]
    public async Task Point_76_the_newest_rows_come_oldest_first_right_after_the_reply_and_are_marked()
    {
        var user = await StoreAsync(4);
        await using var socket = await Target.ConnectAsync();

        var config = Since(MinuteAgo, "3");
        config["presence"] = JsonNode.Parse("""{"enabled":true}""");
        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", config, Target.TokenFor(user));

        await socket.EventAsync("presence_state");
        var replayed = socket.Unread;
        Assert.That(replayed.Select(frame => (int)frame.Payload!["payload"]!["n"]!), Is.EqualTo(new[] { 2, 3, 4 }));
        foreach (var frame in replayed)
        {
            Assert.That((frame.Event, frame.JoinRef, frame.Ref), Is.EqualTo(("broadcast", joinRef, (string?)null)));
            Assert.That(((string?)frame.Payload!["type"], (string?)frame.Payload["event"]), Is.EqualTo(("broadcast", "ev")));
            Assert.That((bool)frame.Payload["meta"]!["replayed"]!, Is.True);
            Assert.That((string?)frame.Payload["meta"]!["id"], Is.EqualTo((string?)frame.Payload["payload"]!["id"]));
        }
    }

    [TestCase("null")]
    [TestCase("false")]
    [TestCase("100")]
    public async Task Point_76_at_most_25_rows_are_replayed(string limit)
    {
        var user = await StoreAsync(30);
        await using var socket = await Target.ConnectAsync();

        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", Since(MinuteAgo, limit), Target.TokenFor(user));
        await socket.BarrierAsync($"realtime:user:{user}", joinRef);

        Assert.That(socket.Unread.Select(frame => (int)frame.Payload!["payload"]!["n"]!), Is.EqualTo(Enumerable.Range(6, 25)));
    }

    [TestCase("0")]
    [TestCase("-3")]
    public async Task Point_76_at_least_one_row_is_replayed(string limit)
    {
        var user = await StoreAsync(2);
        await using var socket = await Target.ConnectAsync();

        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", Since(MinuteAgo, limit), Target.TokenFor(user));
        await socket.BarrierAsync($"realtime:user:{user}", joinRef);

        Assert.That(socket.Unread.Select(frame => (int)frame.Payload!["payload"]!["n"]!), Is.EqualTo(new[] { 2 }));
    }

    [Test]
    public async Task Point_76_only_private_broadcast_rows_of_that_topic_since_then_are_replayed()
    {
        var user = Guid.NewGuid().ToString();
        var since = DateTimeOffset.UtcNow;
        await Target.ExecuteAsync($$"""
            insert into realtime.messages (topic, extension, event, payload, private, inserted_at) values
                ('user:{{user}}', 'broadcast', 'before', '{}', true, '{{since.AddMilliseconds(-1):yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}', 'broadcast', 'at once', '{}', true, '{{since:yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}', 'broadcast', 'public', '{}', false, '{{since.AddMilliseconds(1):yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}', 'presence', 'presence', '{}', true, '{{since.AddMilliseconds(1):yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}:other', 'broadcast', 'other', '{}', true, '{{since.AddMilliseconds(1):yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}', 'broadcast', 'later', '{}', true, '{{since.AddMilliseconds(2):yyyy-MM-dd HH:mm:ss.fff}}'),
                ('user:{{user}}', 'broadcast', 'to come', '{}', true, '{{since.AddMinutes(10):yyyy-MM-dd HH:mm:ss.fff}}')
            """);
        await using var socket = await Target.ConnectAsync();

        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", Since(since.ToUnixTimeMilliseconds()), Target.TokenFor(user));
        await socket.BarrierAsync($"realtime:user:{user}", joinRef);

        Assert.That(
            socket.Unread.Where(frame => frame.JoinRef == joinRef).Select(frame => (string?)frame.Payload!["event"]), Is.EqualTo(new[] { "at once", "later" }));
    }

    [Test]
    public async Task Point_76_bytes_are_replayed_as_kind_4_and_to_version_1_not_at_all()
    {
        var user = Guid.NewGuid().ToString();
        await Target.ExecuteAsync($$"""
            do $d$ begin
                perform realtime.send_binary('\x000102ff'::bytea, 'bytes', 'user:{{user}}', true);
                perform realtime.send('{}', 'text', 'user:{{user}}', true);
            end $d$
            """);
        await using var socket = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");

        await socket.JoinAsync($"realtime:user:{user}", Since(MinuteAgo), Target.TokenFor(user));
        var (oldRef, _) = await old.JoinAsync($"realtime:user:{user}", Since(MinuteAgo), Target.TokenFor(user));
        await old.BarrierAsync($"realtime:user:{user}", oldRef);

        var (_, userEvent, metadata, isBinary, payload) = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((userEvent, isBinary, payload), Is.EqualTo(("bytes", true, _bytes)));
        Assert.That((bool)JsonNode.Parse(metadata)!["replayed"]!, Is.True);
        Assert.That(Guid.TryParse((string?)JsonNode.Parse(metadata)!["id"], out _), Is.True);
        var text = old.Unread.Single();
        Assert.That(((string?)text.Payload!["event"], (bool)text.Payload["meta"]!["replayed"]!), Is.EqualTo(("text", true)));
    }

    [Test]
    public async Task Point_76_what_came_over_websocket_or_rest_is_not_replayed()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        var (firstRef, _) = await socket.JoinAsync(
            topic, JsonNode.Parse("""{"private":true,"broadcast":{"ack":true}}""")!.AsObject(), Target.TokenFor(user));
        await socket.ReplyToAsync(await socket.PushAsync(topic, "broadcast", new JsonObject(), firstRef));
        await Rest.PostJsonAsync($"broadcast/user:{user}/events/e?private=true", "{}", Target.TokenFor(user));
        await socket.BinaryAsync();

        var (joinRef, _) = await socket.JoinAsync(topic, Since(MinuteAgo), Target.TokenFor(user));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread.Select(frame => frame.Event), Is.EqualTo(new[] { "phx_close" }));
    }

    // A replay that is no object asks for nothing, and a time before all rows is a time.
    [TestCase("null")]
    [TestCase("7")]
    [TestCase("""{"since":-5}""")]
    public async Task Point_77_a_harmless_replay_does_not_fail_the_join(string replay)
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync($"realtime:user:{user}", Replay(replay), Target.TokenFor(user));

        Assert.That((string?)reply["status"], Is.EqualTo("ok"), reply.ToJsonString());
    }

    [TestCase("""{"private":false,"broadcast":{"replay":{"since":0}}}""", "Replay is not allowed for public channels")]
    [TestCase("""{"private":false,"broadcast":{"replay":null}}""", "Replay is not allowed for public channels")]
    [TestCase("""{"private":true,"broadcast":{"replay":{}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":null}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":"x"}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":1.5}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"limit":5}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":0,"limit":"5"}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":0,"limit":2.5}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":253402300800000}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":1e30}}}""", "Replay params are not valid")]
    public async Task Point_77_a_wrong_replay_fails_the_join(string config, string text)
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync($"realtime:user:{user}", JsonNode.Parse(config)!.AsObject(), Target.TokenFor(user));

        Assert.That(JoinTests.ReasonOf(reply), Is.EqualTo($"UnableToReplayMessages: {text}"));
    }

    [Test]
    public async Task Point_77_who_may_not_read_learns_that_before_anything_about_its_replay()
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync("realtime:user:somebody", Replay("{}"), Target.TokenFor(Guid.NewGuid().ToString()));

        Assert.That(JoinTests.ReasonOf(reply), Does.StartWith("Unauthorized: "));
    }

    // The id is what counts, wherever the copy comes from: here it comes over REST, which lets its caller choose the id.
    [Test]
    public async Task Point_79_the_live_copy_of_a_replayed_id_is_not_delivered_to_that_channel()
    {
        var user = await StoreAsync(1);
        var topic = $"realtime:user:{user}";
        await using var replaying = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (joinRef, _) = await replaying.JoinAsync(topic, Since(MinuteAgo), Target.TokenFor(user));
        await other.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));
        var id = (string?)(await replaying.EventAsync("broadcast")).Payload!["meta"]!["id"];

        await Rest.PostJsonAsync(
            "broadcast", $$$"""{"messages":[{"topic":"user:{{{user}}}","event":"copy","payload":{},"private":true,"id":"{{{id}}}"}]}""", Target.TokenFor(user));
        var copy = await other.EventAsync("broadcast");
        await replaying.BarrierAsync(topic, joinRef);
        var unread = replaying.Unread;
        var (nextRef, _) = await replaying.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));
        await Rest.PostJsonAsync(
            "broadcast", $$$"""{"messages":[{"topic":"user:{{{user}}}","event":"again","payload":{},"private":true,"id":"{{{id}}}"}]}""", Target.TokenFor(user));

        Assert.That((string?)copy.Payload!["event"], Is.EqualTo("copy"));
        Assert.That(unread, Is.Empty);
        Assert.That((string?)(await replaying.EventAsync("broadcast")).Payload!["event"], Is.EqualTo("again"), "the next instance has replayed nothing");
        Assert.That(nextRef, Is.Not.EqualTo(joinRef));
    }

    // Rows of one number each, every one in a transaction and at a time of its own.
    private static async Task<string> StoreAsync(int rows)
    {
        var user = Guid.NewGuid().ToString();
        await Target.ExecuteAsync($$"""
            do $d$ begin
                for i in 1..{{rows}} loop
                    perform realtime.send(jsonb_build_object('n', i), 'ev', 'user:{{user}}', true);
                    commit;
                end loop;
            end $d$
            """);
        return user;
    }
}

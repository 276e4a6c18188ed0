using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class AuthorizationTests
{
    private static JsonNode Track => JsonNode.Parse("""{"event":"track"}""")!;

    private static JsonObject Private(bool acknowledges = false, bool presence = false) => new()
    {
        ["private"] = true,
        ["broadcast"] = new JsonObject { ["ack"] = acknowledges },
        ["presence"] = new JsonObject { ["enabled"] = presence },
    };

    [Test]
    public async Task Point_58_a_private_topic_without_a_read_grant_is_refused()
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync("realtime:user:somebody", Private(), Target.TokenFor(Guid.NewGuid().ToString()));

        Assert.That(JoinTests.ReasonOf(reply), Is.EqualTo("Unauthorized: You do not have permissions to read from this Channel topic: user:somebody"));
    }

    [Test]
    public async Task Point_58_a_role_that_does_not_exist_is_refused()
    {
        await using var socket = await Target.ConnectAsync();
        var token = Target.Sign(new() { ["role"] = "nobody", ["exp"] = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds() });

        var (_, reply) = await socket.JoinAsync("realtime:user:x", Private(), token);

        Assert.That(JoinTests.ReasonOf(reply), Is.EqualTo("Unauthorized: You do not have permissions to read from this Channel topic: user:x"));
    }

    [Test]
    public async Task Point_58_who_may_read_presence_only_joins_with_presence_and_without_replay()
    {
        await using var policy = await Policy.ReadAsync(extension: "presence");
        await using var socket = await Target.ConnectAsync();
        var replay = JsonNode.Parse("""{"private":true,"broadcast":{"replay":{"since":0}},"presence":{"enabled":true}}""")!.AsObject();

        var (_, refused) = await socket.JoinAsync(policy.Topic, Private(), policy.Token);
        var (joinRef, joined) = await socket.JoinAsync(policy.Topic, Private(presence: true), policy.Token);
        var state = await socket.EventAsync("presence_state");
        var (_, replayed) = await socket.JoinAsync(policy.Topic, replay, policy.Token);

        Assert.That(JoinTests.ReasonOf(refused), Does.StartWith("Unauthorized: "), "presence was not asked for");
        Assert.That((joined["status"]!.ToString(), state.JoinRef), Is.EqualTo(("ok", joinRef)));
        Assert.That(JoinTests.ReasonOf(replayed), Does.StartWith("Unauthorized: "));
    }

    [Test]
    public async Task Point_58_who_may_read_broadcasts_only_gets_neither_state_nor_diffs()
    {
        await using var reading = await Policy.ReadAsync(extension: "broadcast");
        await using var writing = await Policy.WriteAsync(reading.SubTopic, extension: "presence");
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(reading.Topic, Private(presence: true), reading.Token);

        var reply = await socket.ReplyToAsync(await socket.PushAsync(reading.Topic, "presence", Track, joinRef));
        await socket.BarrierAsync(reading.Topic, joinRef);

        Assert.That((string?)reply.Payload!["status"], Is.EqualTo("ok"));
        Assert.That(socket.Unread, Is.Empty);
    }

    // Probe rows have neither event nor payload, and the session tells who asks for which topic.
    [Test]
    public async Task Point_58_policies_see_the_claims_the_topic_and_the_headers_of_the_upgrade()
    {
        var (user, subTopic) = (Guid.NewGuid().ToString(), $"seen:{Guid.NewGuid()}");
        await using var policy = await Policy.CreateAsync("select", subTopic, $"""
            realtime.topic() = '{subTopic}' and topic = '{subTopic}' and event is null and payload is null and not private
            and current_setting('request.jwt.claims')::jsonb ->> 'sub' = '{user}'
            and current_setting('request.jwt.claim.sub') = '{user}'
            and current_setting('request.jwt.claim.role') = 'authenticated'
            and current_setting('request.headers')::jsonb ->> 'x-shop' = 'north'
            and current_user = 'authenticated'
            """);
        await using var without = await Target.ConnectAsync();
        await using var with = await PlainSocket.ConnectAsync(
            Target.RealtimeUrl, Target.AnonKey, configure: options => options.SetRequestHeader("X-Shop", "north"));

        var (_, refused) = await without.JoinAsync(policy.Topic, Private(), Target.TokenFor(user));
        var (_, joined) = await with.JoinAsync(policy.Topic, Private(), Target.TokenFor(user));

        Assert.That(JoinTests.ReasonOf(refused), Does.StartWith("Unauthorized: "));
        Assert.That((string?)joined["status"], Is.EqualTo("ok"), joined.ToJsonString());
    }

    [Test]
    public async Task Point_58_probes_leave_no_rows()
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", Private(acknowledges: true, presence: true), Target.TokenFor(user));
        await socket.ReplyToAsync(await socket.PushAsync($"realtime:user:{user}", "broadcast", new JsonObject(), joinRef));

        await Target.ExecuteAsync($$"""
            do $d$ begin
                if exists (select from realtime.messages where topic = 'user:{{user}}') then raise exception 'a probe stayed'; end if;
            end $d$
            """);
    }

    [Test]
    public async Task Point_59_a_reader_receives_and_its_own_broadcasts_vanish()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:read:{user}";
        await using var reader = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (readerRef, _) = await reader.JoinAsync(topic, Private(acknowledges: true), Target.TokenFor(user));
        var (otherRef, _) = await other.JoinAsync(
            topic, JsonNode.Parse("""{"private":true,"broadcast":{"replication_ready":true}}""")!.AsObject(), Target.TokenFor(user));
        await other.EventAsync("system");

        var denied = await reader.PushAsync(topic, "broadcast", new JsonObject { ["event"] = "forged" }, readerRef);
        var tooLarge = await reader.PushAsync(topic, "broadcast", new JsonObject { ["payload"] = new string('x', 3_200_000) }, readerRef);
        await reader.BarrierAsync(topic, readerRef);
        await other.BarrierAsync(topic, otherRef);
        await Target.ExecuteAsync($$"""select realtime.send('{"n":1}', 'stored', 'read:{{user}}', true)""");

        var received = BinaryFrames.Read((await reader.BinaryAsync()).Bytes);
        Assert.That(received.Event, Is.EqualTo("stored"));
        Assert.That(reader.Unread.Any(frame => frame.Ref == denied || frame.Ref == tooLarge), Is.False, "no acknowledgement, and no word about its size");
        Assert.That(other.Unread.Any(frame => frame.Event == "broadcast"), Is.False);
    }

    [Test]
    public async Task Point_59_a_track_that_is_denied_is_told_before_what_is_wrong_with_it()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:read:{user}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Private(presence: true), Target.TokenFor(user));

        var denied = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"track","payload":[]}"""), joinRef));
        var untracked = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"untrack"}"""), joinRef));

        Assert.That(denied.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":{}}"""));
        Assert.That((string?)untracked.Payload!["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_59_presence_may_be_granted_where_broadcasts_are_not()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:read:{user}";
        await using var policy = await Policy.WriteAsync($"read:{user}", extension: "presence");
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Private(acknowledges: true, presence: true), Target.TokenFor(user));

        var broadcast = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
        var tracked = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track, joinRef));

        Assert.That((string?)tracked.Payload!["status"], Is.EqualTo("ok"));
        Assert.That(socket.Unread.Any(frame => frame.Ref == broadcast), Is.False);
    }
}

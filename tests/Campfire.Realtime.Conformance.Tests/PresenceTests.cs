using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class PresenceTests
{
    private const string Ok = """{"status":"ok","response":{}}""";

    private static JsonNode Untrack => JsonNode.Parse("""{"type":"presence","event":"untrack"}""")!;

    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    private static JsonObject Enabled(string key = "") => new() { ["presence"] = new JsonObject { ["enabled"] = true, ["key"] = key } };

    private static JsonObject Track(string payload, string name = "track") =>
        new JsonObject { ["type"] = "presence", ["event"] = name, ["payload"] = JsonNode.Parse(payload) };

    [Test]
    public async Task Point_50_the_state_comes_once_after_the_join_and_holds_who_is_there()
    {
        var topic = NewTopic();
        await using var first = await Target.ConnectAsync();
        await using var second = await Target.ConnectAsync();
        var (firstRef, _) = await first.JoinAsync(topic, Enabled("ada"));
        var empty = await first.EventAsync("presence_state");
        await first.ReplyToAsync(await first.PushAsync(topic, "presence", Track("""{"n":1}"""), firstRef));

        var (secondRef, _) = await second.JoinAsync(topic, Enabled("bob"));
        var state = await second.EventAsync("presence_state");
        await second.BarrierAsync(topic, secondRef);

        Assert.That(empty.Payload!.ToJsonString(), Is.EqualTo("{}"));
        Assert.That(empty.JoinRef, Is.EqualTo(firstRef));
        Assert.That((int)state.Payload!["ada"]!["metas"]![0]!["n"]!, Is.EqualTo(1));
        Assert.That(((string?)state.Payload["ada"]!["metas"]![0]!["phx_ref"])!, Has.Length.EqualTo(16));
        Assert.That(second.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_50_without_presence_there_is_no_state()
    {
        var user = Guid.NewGuid().ToString();
        var (open, closed) = (NewTopic(), $"realtime:user:{user}");
        await using var socket = await Target.ConnectAsync();
        var (openRef, _) = await socket.JoinAsync(open);
        var (closedRef, _) = await socket.JoinAsync(closed, new() { ["private"] = true }, Target.TokenFor(user));

        await socket.BarrierAsync(open, openRef);
        await socket.BarrierAsync(closed, closedRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_50_a_private_member_gets_the_state_when_it_may_read_presence()
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();
        var config = Enabled("k");
        config["private"] = true;

        var (joinRef, _) = await socket.JoinAsync($"realtime:user:{user}", config, Target.TokenFor(user));

        var state = await socket.EventAsync("presence_state");
        Assert.That((state.JoinRef, state.Payload!.ToJsonString()), Is.EqualTo((joinRef, "{}")));
    }

    [Test]
    public async Task Point_50_one_key_of_several_members_has_several_metas()
    {
        var topic = NewTopic();
        await using var first = await Target.ConnectAsync();
        await using var second = await Target.ConnectAsync();
        await using var late = await Target.ConnectAsync("1.0.0");
        foreach (var (socket, n) in new[] { (first, 1), (second, 2) })
        {
            var (joinRef, _) = await socket.JoinAsync(topic, Enabled("same"));
            await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track($$"""{"n":{{n}}}"""), joinRef));
        }

        await late.JoinAsync(topic, Enabled());

        var metas = (await late.EventAsync("presence_state")).Payload!["same"]!["metas"]!.AsArray();
        Assert.That(metas.Select(meta => (int)meta!["n"]!), Is.EquivalentTo(new[] { 1, 2 }));
        Assert.That(metas.Select(meta => (string?)meta!["phx_ref"]).Distinct().Count(), Is.EqualTo(2));
    }

    [TestCase("track")]
    [TestCase("Track")]
    [TestCase("TRACK")]
    public async Task Point_51_tracking_is_answered_without_ack_and_in_any_case(string name)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("{}", name), joinRef));

        Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo(Ok));
        Assert.That((await socket.EventAsync("presence_diff")).Payload!["joins"]!.AsObject(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Point_51_untracking_is_answered_too_also_of_who_is_not_present()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));

        var idle = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Untrack, joinRef));
        await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("{}"), joinRef));
        await socket.EventAsync("presence_diff");
        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Untrack, joinRef));

        Assert.That((idle.Payload!.ToJsonString(), reply.Payload!.ToJsonString()), Is.EqualTo((Ok, Ok)));
        Assert.That((await socket.EventAsync("presence_diff")).Payload!["leaves"]!["k"]!["metas"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [TestCase("{}")]
    [TestCase("[]")]
    [TestCase("7")]
    public async Task Point_51_a_message_without_an_event_is_answered_and_never_counted(string payload)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic);

        for (var i = 0; i < 8; i++)
        {
            var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", JsonNode.Parse(payload), joinRef));
            Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo(Ok));
        }
    }

    [Test]
    public async Task Point_51_an_unknown_event_is_refused_and_one_that_is_no_text_costs_the_channel()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic);

        var unknown = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"dance"}"""), joinRef));
        await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":7}"""), joinRef);

        Assert.That(unknown.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":{}}"""));
        Assert.That((await socket.EventAsync("phx_error")).JoinRef, Is.EqualTo(joinRef));
    }

    [Test]
    public async Task Point_52_identical_track_yields_no_diff()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));
        await socket.PushAsync(topic, "presence", Track("""{"a":1,"b":[2,{"c":3}]}"""), joinRef);
        await socket.EventAsync("presence_diff");

        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("""{"b":[2,{"c":3}],"a":1}"""), joinRef));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo(Ok));
        Assert.That(socket.Unread.Where(frame => frame.Event == "presence_diff"), Is.Empty);
    }

    [Test]
    public async Task Point_52_a_changed_payload_joins_with_the_previous_ref_and_leaves_in_one_diff()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        await old.JoinAsync(topic);
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));
        foreach (var n in (int[])[1, 1, 2, 3])
            await socket.PushAsync(topic, "presence", Track($$"""{"n":{{n}}}"""), joinRef);

        foreach (var member in (PlainSocket[])[socket, old])
        {
            string? previous = null;
            foreach (var n in (int[])[1, 2, 3])
            {
                var diff = (await member.EventAsync("presence_diff")).Payload!;
                var joined = diff["joins"]!["k"]!["metas"]!.AsArray().Single()!;
                Assert.That(((int)joined["n"]!, (string?)joined["phx_ref_prev"]), Is.EqualTo((n, previous)));
                Assert.That((string?)diff["leaves"]!["k"]?["metas"]![0]!["phx_ref"], Is.EqualTo(previous));
                previous = (string?)joined["phx_ref"];
            }
        }
    }

    [Test]
    public async Task Point_52_after_an_untrack_the_same_payload_is_news_without_a_previous_ref()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));
        foreach (var message in (JsonNode[])[Track("{}"), Untrack, Track("{}")])
            await socket.PushAsync(topic, "presence", message, joinRef);

        var (joined, left, again) = (await DiffAsync(), await DiffAsync(), await DiffAsync());

        Assert.That((string?)left["leaves"]!["k"]!["metas"]![0]!["phx_ref"], Is.EqualTo((string?)joined["joins"]!["k"]!["metas"]![0]!["phx_ref"]));
        Assert.That(again["joins"]!["k"]!["metas"]![0]!["phx_ref_prev"], Is.Null);
        Assert.That(again["leaves"]!.AsObject(), Is.Empty);

        async Task<JsonNode> DiffAsync() => (await socket.EventAsync("presence_diff")).Payload!;
    }

    [Test]
    public async Task Point_53_tracking_works_without_presence_in_the_join_and_others_see_it()
    {
        var topic = NewTopic();
        await using var tracker = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (joinRef, _) = await tracker.JoinAsync(topic);
        await other.JoinAsync(topic);

        await tracker.PushAsync(topic, "presence", Track("""{"n":1}"""), joinRef);

        var diff = await other.EventAsync("presence_diff");
        Assert.That((diff.JoinRef, diff.Payload!["joins"]!.AsObject().Count), Is.EqualTo(((string?)null, 1)));
        Assert.That(tracker.Unread.Concat(other.Unread).Any(frame => frame.Event == "presence_state"), Is.False);
    }

    [Test]
    public async Task Point_53_on_a_private_channel_a_first_track_opens_presence_and_its_diffs_carry_the_join_ref()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));
        var (otherRef, _) = await other.JoinAsync(topic, new() { ["private"] = true }, Target.TokenFor(user));

        await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("{}"), joinRef));
        await other.BarrierAsync(topic, otherRef);
        var opened = await socket.EventAsync("presence_diff");
        await socket.PushAsync(topic, "access_token", new JsonObject { ["access_token"] = Target.TokenFor(user, TimeSpan.FromHours(2)) }, joinRef);
        await socket.PushAsync(topic, "presence", Track("""{"n":2}"""), joinRef);

        Assert.That(opened.JoinRef, Is.EqualTo(joinRef));
        Assert.That(other.Unread, Is.Empty, "nobody asked whether it may read presence");
        Assert.That((await socket.EventAsync("presence_diff")).JoinRef, Is.Null, "a new token asks for presence as well");
    }

    // What may be written is asked once, for broadcast and presence together, and only a track that asks opens presence.
    [Test]
    public async Task Point_53_on_a_private_channel_a_track_behind_a_broadcast_opens_nothing()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(
            topic, JsonNode.Parse("""{"private":true,"broadcast":{"ack":true}}""")!.AsObject(), Target.TokenFor(user));

        await socket.ReplyToAsync(await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef));
        await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("{}"), joinRef));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCase("[1]")]
    [TestCase("\"text\"")]
    [TestCase("null")]
    public async Task Point_54_a_payload_that_is_no_object_is_refused_and_the_channel_stays(string payload)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track(payload), joinRef));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":{"reason":"Presence track payload must be a map"}}"""));
    }

    [Test]
    public async Task Point_54_without_a_payload_an_empty_object_is_tracked()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));

        await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"track"}"""), joinRef);

        var meta = (await socket.EventAsync("presence_diff")).Payload!["joins"]!["k"]!["metas"]![0]!.AsObject();
        Assert.That(meta.Select(pair => pair.Key), Is.EqualTo(new[] { "phx_ref" }));
    }

    [Test]
    public async Task Point_55_the_sixth_call_in_the_window_closes_the_channel()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        for (var i = 0; i < 6; i++)
            await socket.PushAsync(topic, "presence", Track($$"""{"n":{{i}}}"""), joinRef);

        Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(), Is.EqualTo("Client presence rate limit exceeded"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((string?)(await socket.JoinAsync(topic)).Reply["status"], Is.EqualTo("ok"), "the socket stays");
    }

    [Test]
    public async Task Point_55_every_call_counts_and_each_instance_of_a_channel_counts_anew()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (firstRef, _) = await socket.JoinAsync(topic, Enabled());
        foreach (var message in (JsonNode[])[Track("{}"), Track("{}"), Untrack, Track("[]")])
            await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", message, firstRef));

        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());
        foreach (var message in (JsonNode[])[Track("{}"), Track("{}"), Untrack, Track("[]"), JsonNode.Parse("""{"event":"dance"}""")!])
            await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", message, joinRef));
        var sixth = await socket.PushAsync(topic, "presence", Untrack, joinRef);

        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo("Client presence rate limit exceeded"));
        await socket.ReceiveAsync(frame => frame.Event == "phx_close" && frame.JoinRef == joinRef);
        Assert.That(socket.Unread.Any(frame => frame.Event == "phx_reply" && frame.Ref == sixth), Is.False);
    }

    [Test]
    public async Task Presence_ends_with_the_socket()
    {
        var topic = NewTopic();
        await using var watcher = await Target.ConnectAsync();
        await watcher.JoinAsync(topic, Enabled("w"));
        var gone = await Target.ConnectAsync();
        var (joinRef, _) = await gone.JoinAsync(topic, Enabled("g"));
        await gone.ReplyToAsync(await gone.PushAsync(topic, "presence", Track("{}"), joinRef));
        await watcher.ReceiveAsync(frame => frame.Event == "presence_diff" && frame.Payload!["joins"]!["g"] is not null);

        await gone.DisposeAsync();

        var diff = await watcher.EventAsync("presence_diff");
        Assert.That(diff.Payload!["leaves"]!.AsObject().Select(pair => pair.Key), Is.EqualTo(new[] { "g" }));
    }

    [Test]
    public async Task Presence_ends_with_the_instance_of_the_channel_that_tracked_it()
    {
        var topic = NewTopic();
        await using var watcher = await Target.ConnectAsync();
        await watcher.JoinAsync(topic, Enabled("w"));
        await using var socket = await Target.ConnectAsync();
        foreach (var end in (Func<Task>[])[() => socket.JoinAsync(topic, Enabled("g")), () => socket.PushAsync(topic, "phx_leave", new JsonObject())])
        {
            var (joinRef, _) = await socket.JoinAsync(topic, Enabled("g"));
            await socket.PushAsync(topic, "presence", Track("{}"), joinRef);
            var joined = (await watcher.EventAsync("presence_diff")).Payload!["joins"]!["g"]!["metas"]![0]!["phx_ref"];

            await end();

            var left = (await watcher.EventAsync("presence_diff")).Payload!["leaves"]!["g"]!["metas"]![0]!["phx_ref"];
            Assert.That((string?)left, Is.EqualTo((string?)joined));
        }
    }
}

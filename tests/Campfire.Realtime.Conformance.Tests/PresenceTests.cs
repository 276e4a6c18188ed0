using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class PresenceTests
{
    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    private static JsonObject Enabled(string key = "") => new() { ["presence"] = new JsonObject { ["enabled"] = true, ["key"] = key } };

    private static JsonObject Track(string payload, string name = "track") =>
        new JsonObject { ["type"] = "presence", ["event"] = name, ["payload"] = JsonNode.Parse(payload) };

    [Test]
    public async Task C50_the_state_comes_once_after_the_join_and_holds_who_is_there()
    {
        var topic = NewTopic();
        await using var first = await Target.ConnectAsync();
        await using var second = await Target.ConnectAsync();
        var (firstRef, _) = await first.JoinAsync(topic, Enabled("ada"));
        var empty = await first.EventAsync("presence_state");
        await first.ReplyToAsync(await first.PushAsync(topic, "presence", Track("""{"n":1}"""), firstRef));

        await second.JoinAsync(topic, Enabled("bob"));
        var state = await second.EventAsync("presence_state");

        Assert.That(empty.Payload!.ToJsonString(), Is.EqualTo("{}"));
        Assert.That(empty.JoinRef, Is.EqualTo(firstRef));
        Assert.That((int)state.Payload!["ada"]!["metas"]![0]!["n"]!, Is.EqualTo(1));
        Assert.That(((string?)state.Payload["ada"]!["metas"]![0]!["phx_ref"])!, Has.Length.EqualTo(16));
    }

    [TestCase("track")]
    [TestCase("TRACK")]
    public async Task C51_tracking_is_answered_without_ack_and_in_any_case(string name)
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("{}", name), joinRef));

        Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo("""{"status":"ok","response":{}}"""));
        Assert.That((await socket.EventAsync("presence_diff")).Payload!["joins"]!.AsObject(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task C52_the_same_payload_again_is_no_news_and_another_one_replaces_it()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled("k"));
        await socket.PushAsync(topic, "presence", Track("""{"n":1}"""), joinRef);
        var firstRef = (string?)(await socket.EventAsync("presence_diff")).Payload!["joins"]!["k"]!["metas"]![0]!["phx_ref"];

        await socket.PushAsync(topic, "presence", Track("""{"n":1}"""), joinRef);
        await socket.PushAsync(topic, "presence", Track("""{"n":2}"""), joinRef);

        var diff = (await socket.EventAsync("presence_diff")).Payload!;
        Assert.That((int)diff["joins"]!["k"]!["metas"]![0]!["n"]!, Is.EqualTo(2));
        Assert.That((string?)diff["joins"]!["k"]!["metas"]![0]!["phx_ref_prev"], Is.EqualTo(firstRef));
        Assert.That((string?)diff["leaves"]!["k"]!["metas"]![0]!["phx_ref"], Is.EqualTo(firstRef));
    }

    [Test]
    public async Task C53_tracking_works_without_presence_in_the_join_and_others_see_it()
    {
        var topic = NewTopic();
        await using var tracker = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (joinRef, _) = await tracker.JoinAsync(topic);
        await other.JoinAsync(topic);

        await tracker.PushAsync(topic, "presence", Track("""{"n":1}"""), joinRef);

        Assert.That((await other.EventAsync("presence_diff")).Payload!["joins"]!.AsObject(), Has.Count.EqualTo(1));
        Assert.That(tracker.Unread.Concat(other.Unread).Any(frame => frame.Event == "presence_state"), Is.False);
    }

    [Test]
    public async Task C54_a_payload_that_is_no_object_is_refused_and_the_channel_stays()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        var reply = await socket.ReplyToAsync(await socket.PushAsync(topic, "presence", Track("[1]"), joinRef));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(reply.Payload!.ToJsonString(), Is.EqualTo("""{"status":"error","response":{"reason":"Presence track payload must be a map"}}"""));
    }

    [Test]
    public async Task C55_the_sixth_call_in_the_window_closes_the_channel()
    {
        var topic = NewTopic();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Enabled());

        for (var i = 0; i < 6; i++)
            await socket.PushAsync(topic, "presence", Track($$"""{"n":{{i}}}"""), joinRef);

        Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(), Is.EqualTo("Client presence rate limit exceeded"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }

    [Test]
    public async Task C55_presence_ends_with_the_socket()
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
}

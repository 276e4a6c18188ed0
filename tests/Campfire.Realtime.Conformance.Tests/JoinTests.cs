using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class JoinTests
{
    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    [Test]
    public async Task C22_and_C23_change_filters_are_echoed_in_order_with_ids_that_equal_filters_share()
    {
        await using var socket = await Target.ConnectAsync();
        var filters = JsonNode.Parse("""
            [{"event":"*","schema":"public","table":"a","filter":"id=eq.1"},{"event":"INSERT","schema":"public"},
             {"table":"a","event":"*","schema":"public","filter":"id=eq.1"}]
            """)!.AsArray();

        var (_, reply) = await socket.JoinAsync(NewTopic(), new() { ["postgres_changes"] = filters.DeepClone() });

        var echoed = reply["response"]!["postgres_changes"]!.AsArray();
        var ids = echoed.Select(filter => (int)filter!["id"]!).ToList();
        foreach (var filter in echoed)
            filter!.AsObject().Remove("id");
        Assert.That(JsonNode.DeepEquals(echoed, filters), Is.True, echoed.ToJsonString());
        Assert.That(ids[0], Is.EqualTo(ids[2]).And.Not.EqualTo(ids[1]));
    }

    [Test]
    public async Task C24_a_topic_without_a_name_is_refused()
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync("realtime:");

        Assert.That(ReasonOf(reply), Is.EqualTo("TopicNameRequired: You must provide a topic name"));
    }

    [Test]
    public async Task C25_a_topic_outside_of_realtime_is_unmatched()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.PushAsync("other:x", "phx_join", new JsonObject(), "5", "5");
        var reply = await socket.ReplyToAsync("5");

        Assert.That(ReasonOf(reply.Payload!), Is.EqualTo("unmatched topic"));
        Assert.That(reply.JoinRef, Is.Null);
    }

    [Test]
    public async Task C26_booleans_may_be_strings()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":"TRUE","ack":"true"}}""")!.AsObject());

        var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);

        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo(topic));
        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C26_invalid_fields_count_as_not_given()
    {
        await using var socket = await Target.ConnectAsync();

        var config = JsonNode.Parse("""{"broadcast":{"self":"yes?"},"presence":"x","postgres_changes":"zz","private":"yes"}""")!.AsObject();
        var (_, reply) = await socket.JoinAsync(NewTopic(), config);

        Assert.That(JsonNode.DeepEquals(reply, JsonNode.Parse("""{"status":"ok","response":{"postgres_changes":[]}}""")), Is.True, reply.ToJsonString());
    }

    [Test]
    public async Task C28_a_refused_join_is_not_followed_by_a_close()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();

        var (_, refused) = await socket.JoinAsync(topic, new() { ["private"] = true });
        var (_, joined) = await socket.JoinAsync(topic);

        Assert.That(ReasonOf(refused), Does.StartWith("Unauthorized: "));
        Assert.That(joined["status"]!.ToString(), Is.EqualTo("ok"));
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task C29_leaving_answers_ok_and_then_closes_with_the_join_ref()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (joinRef, _) = await socket.JoinAsync(topic);

        var reference = await socket.PushAsync(topic, "phx_leave", new JsonObject(), joinRef);

        var (first, second) = (await socket.NextAsync(), await socket.NextAsync());
        Assert.That(first.Text, Is.EqualTo($$$"""["{{{joinRef}}}","{{{reference}}}","{{{topic}}}","phx_reply",{"status":"ok","response":{}}]"""));
        Assert.That(second.Text, Is.EqualTo($$"""["{{joinRef}}","{{joinRef}}","{{topic}}","phx_close",{}]"""));
    }

    [Test]
    public async Task C30_leaving_an_unknown_topic_is_ok()
    {
        await using var socket = await Target.ConnectAsync();

        var reference = await socket.PushAsync(NewTopic(), "phx_leave", new JsonObject());

        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C31_a_second_join_replaces_the_first_whose_join_ref_is_closed()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (first, _) = await socket.JoinAsync(topic);

        var (second, reply) = await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":true}}""")!.AsObject());
        var closed = await socket.EventAsync("phx_close");
        await socket.PushAsync(topic, "broadcast", new JsonObject(), second);
        await socket.EventAsync("broadcast");

        Assert.That(reply["status"]!.ToString(), Is.EqualTo("ok"));
        Assert.That((closed.JoinRef, closed.Ref), Is.EqualTo((first, first)));
        Assert.That(socket.Unread, Is.Empty, "one copy only");
    }

    [Test]
    public async Task C37_a_push_with_a_stale_join_ref_is_processed()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":true}}""")!.AsObject());

        await socket.PushAsync(topic, "broadcast", new JsonObject(), "999");

        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo(topic));
    }

    [Test]
    public async Task C39_a_heartbeat_is_answered_with_its_ref_and_no_join_ref()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync("""[null,"42","phoenix","heartbeat",{}]""");

        Assert.That((await socket.NextAsync()).Text, Is.EqualTo("""[null,"42","phoenix","phx_reply",{"status":"ok","response":{}}]"""));
    }

    [Test]
    public async Task C66_system_events_name_extension_status_message_and_sub_topic()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.JoinAsync("realtime:system-shape", JsonNode.Parse("""{"broadcast":{"replication_ready":true}}""")!.AsObject());

        var notice = await socket.EventAsync("system");
        Assert.That(JsonNode.DeepEquals(notice.Payload, JsonNode.Parse(
            """{"message":"Replication connection established","status":"ok","extension":"system","channel":"system-shape"}""")), Is.True, notice.Text);
    }

    [Test]
    public async Task C80_a_channel_beyond_the_limit_is_refused_and_the_socket_kept()
    {
        await using var socket = await Target.ConnectAsync();
        for (var i = 0; i < 100; i++)
            await socket.JoinAsync(NewTopic());

        var (_, reply) = await socket.JoinAsync(NewTopic());

        Assert.That(ReasonOf(reply), Is.EqualTo("ChannelRateLimitReached: Too many channels"));
        var reference = await socket.PushAsync("phoenix", "heartbeat", null);
        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    internal static string? ReasonOf(JsonNode reply) => (string?)reply["response"]?["reason"];
}

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed partial class JoinTests
{
    [TestCase("{}")]
    [TestCase("""{"postgres_changes":[]}""")]
    [TestCase("""{"postgres_changes":null}""")]
    [TestCase("""{"postgres_changes":[null]}""")]
    public async Task Point_21_the_reply_has_the_changes_also_when_there_are_none(string config)
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync(NewTopic(), JsonNode.Parse(config)!.AsObject());

        Assert.That(reply.ToJsonString(), Is.EqualTo("""{"status":"ok","response":{"postgres_changes":[]}}"""));
    }

    [Test]
    public async Task Point_21_a_join_without_config_names_a_table_by_its_topic()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync("""["1","1","realtime:legacy:items:id=eq.1:x","phx_join",{}]""");

        var change = (await socket.ReplyToAsync("1")).Payload!["response"]!["postgres_changes"]!.AsArray().Single()!.AsObject();
        Assert.That(change["id"]!.GetValue<int>(), Is.GreaterThanOrEqualTo(0));
        change.Remove("id");
        Assert.That(JsonNode.DeepEquals(change, JsonNode.Parse("""{"schema":"legacy","table":"items","filter":"id=eq.1:x"}""")), Is.True, change.ToJsonString());
    }

    [Test]
    public async Task Point_22_change_filters_are_echoed_unchanged_and_in_order()
    {
        await using var socket = await Target.ConnectAsync();
        var filters = JsonNode.Parse("""
            [{"event":"*","schema":"public","table":"a","filter":"id=eq.1"},{"event":"INSERT","schema":"public"},
             {"event":"*","schema":"public","table":null,"select":["id"],"more":{"ü":[1.50,"<&>"]}}]
            """)!.AsArray();

        var (_, reply) = await socket.JoinAsync(NewTopic(), new() { ["postgres_changes"] = filters.DeepClone() });

        var echoed = reply["response"]!["postgres_changes"]!.AsArray();
        foreach (var filter in echoed)
            Assert.That(filter!.AsObject().Remove("id", out var id) && id!.GetValue<int>() is >= 0 and <= 134_217_727, Is.True, "an integer id");
        Assert.That(JsonNode.DeepEquals(echoed, filters), Is.True, echoed.ToJsonString());
    }

    [TestCase("5")]
    [TestCase("\"a\"")]
    [TestCase("[]")]
    public async Task Point_22_a_filter_that_is_no_object_fails_the_join(string filter)
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync(NewTopic(), new() { ["postgres_changes"] = JsonNode.Parse($"[{filter}]") });

        Assert.That(ReasonOf(reply), Does.StartWith("UnknownErrorOnChannel: "));
    }

    [Test]
    public async Task Point_23_equal_filters_have_equal_ids()
    {
        await using var socket = await Target.ConnectAsync();
        var filters = JsonNode.Parse("""
            [{"event":"*","schema":"public","table":"a","filter":"id=eq.1"},{"event":"INSERT","schema":"public"},
             {"table":"a","event":"*","schema":"public","filter":"id=eq.1"}]
            """);

        var (_, first) = await socket.JoinAsync(NewTopic(), new() { ["postgres_changes"] = filters!.DeepClone() });
        var (_, second) = await socket.JoinAsync(NewTopic(), new() { ["postgres_changes"] = filters });

        var (ids, again) = (IdsOf(first), IdsOf(second));
        Assert.That(ids[0], Is.EqualTo(ids[2]).And.Not.EqualTo(ids[1]));
        Assert.That(again, Is.EqualTo(ids));

        static List<int> IdsOf(JsonNode reply) => [.. reply["response"]!["postgres_changes"]!.AsArray().Select(filter => (int)filter!["id"]!)];
    }

    [Test]
    public async Task Point_24_a_topic_without_a_name_is_refused()
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync("realtime:");

        Assert.That(ReasonOf(reply), Is.EqualTo("TopicNameRequired: You must provide a topic name"));
    }

    [TestCase("other:x")]
    [TestCase("realtime")]
    [TestCase("REALTIME:x")]
    [TestCase("")]
    [TestCase("phoenix")]
    public async Task Point_25_a_topic_outside_of_realtime_is_unmatched(string topic)
    {
        await using var socket = await Target.ConnectAsync();

        await socket.PushAsync(topic, "phx_join", new JsonObject(), "5", "5");
        var reply = await socket.ReplyToAsync("5");

        Assert.That(ReasonOf(reply.Payload!), Is.EqualTo("unmatched topic"));
        Assert.That(reply.JoinRef, Is.Null);
    }

    [TestCase("broadcast")]
    [TestCase("presence")]
    [TestCase("access_token")]
    [TestCase("heartbeat")]
    public async Task Point_25_a_push_to_a_topic_that_is_not_joined_is_unmatched(string phoenixEvent)
    {
        await using var socket = await Target.ConnectAsync();

        var reference = await socket.PushAsync(NewTopic(), phoenixEvent, new JsonObject(), "5");

        var reply = await socket.ReplyToAsync(reference);
        Assert.That((ReasonOf(reply.Payload!), reply.JoinRef), Is.EqualTo(("unmatched topic", (string?)null)));
    }

    [Test]
    public async Task Point_26_booleans_may_be_strings()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var config = JsonNode.Parse("""{"broadcast":{"self":"TRUE","ack":"true"},"presence":{"enabled":"True"},"private":"False"}""")!.AsObject();
        var (joinRef, _) = await socket.JoinAsync(topic, config);

        await socket.EventAsync("presence_state");
        var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);

        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo(topic));
        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [TestCase("""{"broadcast":{"self":"yes?","ack":1},"presence":"x","postgres_changes":"zz","private":"yes"}""")]
    [TestCase("""{"broadcast":[],"presence":{"enabled":"on","key":{}},"postgres_changes":{},"private":1}""")]
    [TestCase("""{"broadcast":null,"presence":null,"postgres_changes":null,"private":null}""")]
    public async Task Point_26_invalid_fields_count_as_not_given(string config)
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();

        var (joinRef, reply) = await socket.JoinAsync(topic, JsonNode.Parse(config)!.AsObject());
        await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(reply.ToJsonString(), Is.EqualTo("""{"status":"ok","response":{"postgres_changes":[]}}"""));
        Assert.That(socket.Unread, Is.Empty, "neither own copy nor acknowledgement nor presence");
    }

    [Test]
    public async Task Point_28_a_refused_join_is_not_followed_by_a_close()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();

        var (_, refused) = await socket.JoinAsync(topic, new() { ["private"] = true });
        var (_, joined) = await socket.JoinAsync(topic);

        Assert.That(ReasonOf(refused), Does.StartWith("Unauthorized: "));
        Assert.That(joined["status"]!.ToString(), Is.EqualTo("ok"));
        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCaseSource(typeof(WrongTokens), nameof(WrongTokens.AtTheJoin))]
    public async Task Point_28_a_wrong_token_is_the_reason(Func<string> token, string reason)
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync(NewTopic(), token: token());

        Assert.That(Ago().Replace(ReasonOf(reply)!, " <n> seconds ago"), Is.EqualTo(reason));
        Assert.That(reply["response"]!.AsObject(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Point_28_an_older_user_token_wins_over_the_access_token()
    {
        await using var socket = await Target.ConnectAsync();

        var payload = new JsonObject { ["config"] = new JsonObject(), ["user_token"] = "garbage", ["access_token"] = Target.TokenFor("u") };
        var reference = await socket.PushAsync(NewTopic(), "phx_join", payload, "1");

        Assert.That(ReasonOf((await socket.ReplyToAsync(reference)).Payload!), Is.EqualTo("MalformedJWT: The token provided is not a valid JWT"));
    }

    [TestCase("\"sb_publishable_x\"")]
    [TestCase("5")]
    [TestCase("null")]
    public async Task Point_28_what_is_no_token_leaves_the_key_in_its_place(string token)
    {
        await using var socket = await Target.ConnectAsync();

        var payload = new JsonObject { ["config"] = new JsonObject(), ["access_token"] = JsonNode.Parse(token) };
        var reference = await socket.PushAsync(NewTopic(), "phx_join", payload, "1");

        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_29_leaving_answers_ok_and_then_closes_with_the_join_ref()
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
    public async Task Point_29_the_leave_of_a_replaced_join_is_ignored()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (first, _) = await socket.JoinAsync(topic);
        var (second, _) = await socket.JoinAsync(topic);
        await socket.EventAsync("phx_close");

        await socket.PushAsync(topic, "phx_leave", new JsonObject(), first);
        await socket.BarrierAsync(topic, second);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_30_leaving_an_unknown_topic_is_ok()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();

        var reference = await socket.PushAsync(topic, "phx_leave", new JsonObject());
        await socket.JoinAsync(topic);

        Assert.That((await socket.ReplyToAsync(reference)).Payload!.ToJsonString(), Is.EqualTo("""{"status":"ok","response":{}}"""));
        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_31_a_second_join_replaces_the_first_whose_join_ref_is_closed()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (first, _) = await socket.JoinAsync(topic);

        var config = JsonNode.Parse("""{"broadcast":{"self":true},"presence":{"enabled":true}}""");
        var second = await socket.PushAsync(topic, "phx_join", new JsonObject { ["config"] = config }, "new");
        PlainFrame[] order = [await socket.NextAsync(), await socket.NextAsync(), await socket.NextAsync()];
        await socket.PushAsync(topic, "broadcast", new JsonObject(), "new");
        await socket.EventAsync("broadcast");

        Assert.That(order.Select(frame => (frame.Event, frame.JoinRef, frame.Ref)), Is.EqualTo(new (string?, string?, string?)[]
        {
            ("phx_reply", "new", second), ("phx_close", first, first), ("presence_state", "new", null),
        }));
        Assert.That(socket.Unread, Is.Empty, "one copy only");
    }

    [Test]
    public async Task Point_31_a_second_join_that_fails_ends_the_first_as_well()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (first, _) = await socket.JoinAsync(topic);

        var (_, refused) = await socket.JoinAsync(topic, token: "garbage");
        var closed = await socket.EventAsync("phx_close");
        var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), first);

        Assert.That(refused["status"]!.ToString(), Is.EqualTo("error"));
        Assert.That(closed.JoinRef, Is.EqualTo(first));
        Assert.That(ReasonOf((await socket.ReplyToAsync(reference)).Payload!), Is.EqualTo("unmatched topic"));
    }

    [TestCase("999")]
    [TestCase(null)]
    public async Task Point_37_a_push_with_a_stale_or_no_join_ref_is_processed(string? pushed)
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();
        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":true,"ack":true}}""")!.AsObject());

        var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), pushed);

        Assert.That((await socket.EventAsync("broadcast")).Topic, Is.EqualTo(topic));
        Assert.That((await socket.ReplyToAsync(reference)).JoinRef, Is.EqualTo(joinRef), "the channel's own");
    }

    [Test]
    public async Task Point_38_a_failing_join_holds_up_everything_behind_it()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = NewTopic();

        await socket.PushAsync("realtime:", "phx_join", new JsonObject { ["config"] = new JsonObject() }, "1", "1");
        await socket.PushAsync("phoenix", "heartbeat", null, null, "2");
        await socket.PushAsync(topic, "phx_join", new JsonObject { ["config"] = new JsonObject() }, "3", "3");
        await socket.PushAsync(topic, "presence", new JsonObject(), "3", "4");

        string?[] order = [(await socket.NextAsync()).Ref, (await socket.NextAsync()).Ref, (await socket.NextAsync()).Ref, (await socket.NextAsync()).Ref];
        Assert.That(order, Is.EqualTo(new[] { "1", "2", "3", "4" }));
    }

    [Test]
    public async Task Point_80_a_channel_beyond_the_limit_is_refused_and_the_socket_kept()
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

    private static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    [GeneratedRegex(@" \d+ seconds ago")]
    private static partial Regex Ago();
}

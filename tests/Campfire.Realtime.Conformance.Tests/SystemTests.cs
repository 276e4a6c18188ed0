using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class SystemTests
{
    private const string Ready = "Replication connection established";

    [Test]
    public async Task Point_39_a_heartbeat_is_answered_with_its_ref_and_no_join_ref()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync("""[null,"42","phoenix","heartbeat",{}]""");

        Assert.That((await socket.NextAsync()).Text, Is.EqualTo("""[null,"42","phoenix","phx_reply",{"status":"ok","response":{}}]"""));
    }

    [Test]
    public async Task Point_66_system_messages_name_extension_status_message_and_sub_topic()
    {
        await using var socket = await Target.ConnectAsync();

        var (joinRef, _) = await socket.JoinAsync("realtime:system:shape", JsonNode.Parse("""{"broadcast":{"replication_ready":true}}""")!.AsObject());

        var notice = await socket.EventAsync("system");
        Assert.That(JsonNode.DeepEquals(notice.Payload, JsonNode.Parse(
            """{"message":"Replication connection established","status":"ok","extension":"system","channel":"system:shape"}""")), Is.True, notice.Text);
        Assert.That((notice.JoinRef, notice.Ref), Is.EqualTo((joinRef, (string?)null)));
    }

    // Whether a subscription succeeds is up to the server and its publication; that it tells so is not.
    [Test]
    public async Task Point_67_the_outcome_of_a_subscription_is_told_after_the_reply_and_again_for_a_new_token()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var config = JsonNode.Parse("""{"postgres_changes":[{"event":"*","schema":"public"}]}""");

        await socket.PushAsync(topic, "phx_join", new JsonObject { ["config"] = config, ["access_token"] = Target.TokenFor("one") }, "1", "1");
        var first = await socket.NextAsync();
        var outcome = await socket.EventAsync("system");
        await socket.PushAsync(topic, "access_token", new JsonObject { ["access_token"] = Target.TokenFor("two") }, "1");
        var again = await socket.EventAsync("system");

        Assert.That(first.Ref, Is.EqualTo("1"), "the reply comes first");
        foreach (var payload in new[] { outcome.Payload!, again.Payload! })
        {
            Assert.That(((string?)payload["extension"], "realtime:" + (string?)payload["channel"]), Is.EqualTo(("postgres_changes", topic)));
            Assert.That((string?)payload["message"], Is.EqualTo("Subscribed to PostgreSQL").Or.StartsWith("Unable to subscribe to changes with given parameters. "));
            Assert.That((string?)payload["status"], Is.EqualTo((string?)payload["message"] == "Subscribed to PostgreSQL" ? "ok" : "error"));
        }
    }

    [Test]
    public async Task Point_68_a_wrong_subscription_is_told_and_the_channel_stays()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var config = JsonNode.Parse("""{"postgres_changes":[{"event":"*","schema":"public","table":"no_such_table"}],"broadcast":{"self":true}}""")!.AsObject();

        var (joinRef, _) = await socket.JoinAsync(topic, config);
        var told = (await socket.EventAsync("system")).Payload!;
        await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
        await socket.EventAsync("broadcast");

        Assert.That(((string?)told["extension"], (string?)told["status"]), Is.EqualTo(("postgres_changes", "error")));
        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCase("true", true)]
    [TestCase("\"false\"", true)]
    [TestCase("0", true)]
    [TestCase("{}", true)]
    [TestCase("false", false)]
    [TestCase("null", false)]
    public async Task Point_70_anything_but_false_and_null_asks_for_readiness(string asked, bool isTold)
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse($$$"""{"broadcast":{"replication_ready":{{{asked}}}},"presence":{"enabled":true}}""")!.AsObject());

        if (isTold)
            Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(), Is.EqualTo(Ready));
        await socket.EventAsync("presence_state");
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }
}

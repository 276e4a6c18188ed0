using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class TokenTests
{
    private static JsonObject Private(bool presence = false) => new()
    {
        ["private"] = true,
        ["broadcast"] = new JsonObject { ["ack"] = true },
        ["presence"] = new JsonObject { ["enabled"] = presence },
    };

    [Test]
    public async Task Point_60_what_may_be_written_is_asked_once_and_again_for_a_new_token()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:read:{user}";
        await using var socket = await Target.ConnectAsync();
        var policy = await Policy.WriteAsync($"read:{user}");
        var (joinRef, _) = await socket.JoinAsync(topic, Private(), Target.TokenFor(user));
        await BroadcastAsync();

        await policy.DisposeAsync();
        await socket.ReplyToAsync(await BroadcastAsync());
        await PushTokenAsync(socket, topic, joinRef, Target.TokenFor(user, TimeSpan.FromHours(2)));
        var denied = await BroadcastAsync();
        await socket.BarrierAsync(topic, joinRef);
        await using var renewed = await Policy.WriteAsync($"read:{user}");
        var stillDenied = await BroadcastAsync();
        await socket.BarrierAsync(topic, joinRef);
        await PushTokenAsync(socket, topic, joinRef, Target.TokenFor(user, TimeSpan.FromHours(3)));
        await socket.ReplyToAsync(await BroadcastAsync());

        Assert.That(socket.Unread.Any(frame => frame.Ref == denied || frame.Ref == stillDenied), Is.False, "a denial is kept as a grant is");

        async Task<string> BroadcastAsync()
        {
            var reference = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
            await socket.BarrierAsync(topic, joinRef);
            return reference;
        }
    }

    [Test]
    public async Task Point_60_reading_is_decided_again_for_a_new_token()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Private(), Target.TokenFor(user));

        await PushTokenAsync(socket, topic, joinRef, Target.TokenFor(Guid.NewGuid().ToString()));

        await AssertClosedAsync(socket, joinRef, $"You do not have permissions to read from this Channel topic: user:{user}");
    }

    [Test]
    public async Task Point_60_without_a_new_token_a_policy_that_is_gone_still_grants()
    {
        var policy = await Policy.ReadAsync();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(
            policy.Topic, JsonNode.Parse("""{"private":true,"broadcast":{"replication_ready":true}}""")!.AsObject(), policy.Token);
        await socket.EventAsync("system");

        await policy.DisposeAsync();
        await Target.ExecuteAsync($$"""select realtime.send('{}', 'e', '{{policy.SubTopic}}', true)""");

        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event, Is.EqualTo("e"));
        await PushTokenAsync(socket, policy.Topic, joinRef, Target.TokenFor("somebody"));
        await AssertClosedAsync(socket, joinRef, $"You do not have permissions to read from this Channel topic: {policy.SubTopic}");
    }

    [TestCase("broadcast")]
    [TestCase("presence")]
    public async Task Point_60_who_loses_one_of_two_permissions_is_told_that_it_has_lost_it(string lost)
    {
        var losing = await Policy.ReadAsync(extension: lost);
        await using var keeping = await Policy.ReadAsync(extension: lost == "broadcast" ? "presence" : "broadcast", subTopic: losing.SubTopic);
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(losing.Topic, Private(presence: true), losing.Token);

        await losing.DisposeAsync();
        await PushTokenAsync(socket, losing.Topic, joinRef, Target.TokenFor("somebody"));

        await AssertClosedAsync(socket, joinRef, $"You no longer have permission to read from this Channel topic: {losing.SubTopic}");
    }

    [Test]
    public async Task Point_60_who_gains_a_permission_with_a_new_token_hears_from_then_on()
    {
        await using var presence = await Policy.ReadAsync(extension: "presence");
        await using var socket = await Target.ConnectAsync();
        var config = JsonNode.Parse("""{"private":true,"broadcast":{"replication_ready":true},"presence":{"enabled":true}}""")!.AsObject();
        var (joinRef, _) = await socket.JoinAsync(presence.Topic, config, presence.Token);
        await socket.JoinAsync($"realtime:mark:{presence.SubTopic}");
        await socket.EventAsync("system");
        await using var broadcast = await Policy.ReadAsync(extension: "broadcast", subTopic: presence.SubTopic);

        await Target.ExecuteAsync(
            $$"""select realtime.send('{}', 'unheard', '{{presence.SubTopic}}', true), realtime.send('{}', 'mark', 'mark:{{presence.SubTopic}}', false)""");
        var first = BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event;
        await PushTokenAsync(socket, presence.Topic, joinRef, Target.TokenFor("somebody"));
        await socket.BarrierAsync(presence.Topic, joinRef);
        await Target.ExecuteAsync($$"""select realtime.send('{}', 'heard', '{{presence.SubTopic}}', true)""");

        Assert.That((first, BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event), Is.EqualTo(("mark", "heard")));
    }

    [Test]
    public async Task Point_61_the_same_a_null_and_an_opaque_token_are_ignored_and_a_new_one_is_not_answered()
    {
        var token = Target.TokenFor(Guid.NewGuid().ToString());
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, token: token);

        foreach (var given in (string?[])[token, null, "sb_publishable_x", "sb_secret_x", Target.TokenFor("somebody")])
            await PushTokenAsync(socket, topic, joinRef, given);
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_61_what_is_ignored_asks_no_policy_again()
    {
        var policy = await Policy.ReadAsync();
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(policy.Topic, Private(), policy.Token);

        await policy.DisposeAsync();
        foreach (var given in (string?[])[policy.Token, null, "sb_publishable_x"])
            await PushTokenAsync(socket, policy.Topic, joinRef, given);
        await socket.BarrierAsync(policy.Topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCase("", "^The token provided is not a valid JWT$", false)]
    [TestCase("garbage", "^The token provided is not a valid JWT$", false)]
    [TestCase("garbage", "^The token provided is not a valid JWT$", true)]
    [TestCase("expired", "^Token has expired 6\\d seconds ago$", false)]
    [TestCase("expired", "^Token has expired 6\\d seconds ago$", true)]
    [TestCase("claimless", "^Fields `role` and `exp` are required in JWT$", false)]
    [TestCase("forged", "^:signature_error$", false)]
    public async Task Point_62_a_wrong_token_closes_public_channels_too(string token, string message, bool isPrivate)
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, isPrivate ? Private() : null, Target.TokenFor(user));
        var expiry = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();

        await PushTokenAsync(socket, topic, joinRef, token switch
        {
            "expired" => Target.TokenFor(user, TimeSpan.FromMinutes(-1)),
            "claimless" => Target.Sign(new() { ["exp"] = expiry }),
            "forged" => Target.Sign(new() { ["role"] = "authenticated", ["exp"] = expiry }, "another-secret-that-is-long-enough-to-sign-with"),
            _ => token,
        });

        var notice = await socket.EventAsync("system");
        Assert.That((string?)notice.Payload!["message"], Does.Match(message));
        Assert.That(
            ((string?)notice.Payload["status"], (string?)notice.Payload["extension"], (string?)notice.Payload["channel"], notice.JoinRef),
            Is.EqualTo(("error", "system", $"user:{user}", joinRef)));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((string?)(await socket.JoinAsync(topic)).Reply["status"], Is.EqualTo("ok"), "the socket stays");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Point_63_at_its_expiry_a_token_closes_the_channel_and_the_socket_stays(bool isPrivate)
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        await socket.JoinAsync($"realtime:{Guid.NewGuid()}");
        var (joinRef, _) = await socket.JoinAsync(topic, isPrivate ? Private() : null, Target.TokenFor(user, TimeSpan.FromSeconds(5)));

        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Does.Match("^Token has expired \\d seconds ago$"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((string?)(await socket.JoinAsync(topic)).Reply["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_63_a_new_token_puts_the_expiry_off()
    {
        var user = Guid.NewGuid().ToString();
        var (renewed, expiring) = ($"realtime:renewed:{user}", $"realtime:expiring:{user}");
        await using var socket = await Target.ConnectAsync();
        var token = Target.TokenFor(user, TimeSpan.FromSeconds(5));
        var (renewedRef, _) = await socket.JoinAsync(renewed, token: token);
        var (expiringRef, _) = await socket.JoinAsync(expiring, token: token);

        await PushTokenAsync(socket, renewed, renewedRef, Target.TokenFor(user));

        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(expiringRef));
        await socket.BarrierAsync(renewed, renewedRef);
        Assert.That(socket.Unread.Count(frame => frame.Event == "system"), Is.EqualTo(1));
    }

    private static Task<string> PushTokenAsync(PlainSocket socket, string topic, string joinRef, string? token) =>
        socket.PushAsync(topic, "access_token", new JsonObject { ["access_token"] = token }, joinRef);

    private static async Task AssertClosedAsync(PlainSocket socket, string joinRef, string message)
    {
        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo(message));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }
}

using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class AuthorizationTests
{
    private static JsonObject Private(bool acknowledges = false, bool presence = false) => new()
    {
        ["private"] = true,
        ["broadcast"] = new JsonObject { ["ack"] = acknowledges },
        ["presence"] = new JsonObject { ["enabled"] = presence },
    };

    [Test]
    public async Task C58_a_private_topic_without_a_read_grant_is_refused()
    {
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync("realtime:user:somebody", Private(), Target.TokenFor(Guid.NewGuid().ToString()));

        Assert.That(JoinTests.ReasonOf(reply), Is.EqualTo("Unauthorized: You do not have permissions to read from this Channel topic: user:somebody"));
    }

    [Test]
    public async Task C58_a_role_that_does_not_exist_is_refused()
    {
        await using var socket = await Target.ConnectAsync();
        var token = Target.Sign(new() { ["role"] = "nobody", ["exp"] = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds() });

        var (_, reply) = await socket.JoinAsync("realtime:user:x", Private(), token);

        Assert.That(JoinTests.ReasonOf(reply), Does.StartWith("Unauthorized: "));
    }

    [Test]
    public async Task C59_a_reader_receives_and_its_own_broadcasts_vanish()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:read:{user}";
        await using var reader = await Target.ConnectAsync();
        await using var other = await Target.ConnectAsync();
        var (readerRef, _) = await reader.JoinAsync(topic, Private(acknowledges: true), Target.TokenFor(user));
        var (otherRef, _) = await other.JoinAsync(topic, Private(), Target.TokenFor(user));

        var denied = await reader.PushAsync(topic, "broadcast", new JsonObject { ["event"] = "forged" }, readerRef);
        await reader.BarrierAsync(topic, readerRef);
        await other.BarrierAsync(topic, otherRef);
        await Target.ExecuteAsync($$"""select realtime.send('{"n":1}', 'stored', 'read:{{user}}', true)""");

        var received = BinaryFrames.Read((await reader.BinaryAsync()).Bytes);
        Assert.That(received.Event, Is.EqualTo("stored"));
        Assert.That(reader.Unread.Any(frame => frame.Ref == denied), Is.False, "no acknowledgement");
        Assert.That(other.Unread.Any(frame => frame.Event == "broadcast"), Is.False);
    }

    [Test]
    public async Task C60_reading_is_decided_again_for_a_new_token()
    {
        var user = Guid.NewGuid().ToString();
        var topic = $"realtime:user:{user}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, Private(), Target.TokenFor(user));

        await PushTokenAsync(socket, topic, joinRef, Target.TokenFor(Guid.NewGuid().ToString()));

        Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(),
            Is.EqualTo($"You do not have permissions to read from this Channel topic: user:{user}"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }

    [Test]
    public async Task C61_the_same_a_null_and_an_opaque_token_are_ignored()
    {
        var token = Target.TokenFor(Guid.NewGuid().ToString());
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, token: token);

        await PushTokenAsync(socket, topic, joinRef, token);
        await PushTokenAsync(socket, topic, joinRef, null);
        await PushTokenAsync(socket, topic, joinRef, "sb_publishable_x");
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [TestCase("", "The token provided is not a valid JWT")]
    [TestCase("garbage", "The token provided is not a valid JWT")]
    [TestCase("expired", "^Token has expired \\d+ seconds ago$")]
    public async Task C62_a_wrong_token_closes_public_channels_too(string token, string message)
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic);

        await PushTokenAsync(socket, topic, joinRef, token == "expired" ? Target.TokenFor("u", TimeSpan.FromMinutes(-1)) : token);

        Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(), Does.Match(message));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }

    [Test]
    public async Task C63_at_its_expiry_a_token_closes_the_channel_and_the_socket_stays()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, token: Target.TokenFor("u", TimeSpan.FromSeconds(2)));

        Assert.That((await socket.EventAsync("system")).Payload!["message"]!.ToString(), Does.Match("^Token has expired \\d seconds ago$"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((await socket.JoinAsync(topic)).Reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    private static Task<string> PushTokenAsync(PlainSocket socket, string topic, string joinRef, string? token) =>
        socket.PushAsync(topic, "access_token", new JsonObject { ["access_token"] = token }, joinRef);
}

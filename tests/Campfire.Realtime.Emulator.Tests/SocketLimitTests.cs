using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class SocketLimitTests
{
    [Test]
    public async Task A_silent_socket_is_closed_with_1000()
    {
        await using var emulator = await StartAsync(new() { IdleTimeout = TimeSpan.FromMilliseconds(300) });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1000));
    }

    [Test]
    public async Task A_user_too_many_is_refused_at_the_upgrade_until_another_leaves()
    {
        await using var emulator = await StartAsync(new() { MaxConcurrentUsers = 1 });
        await using var first = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var second = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await first.JoinAsync("realtime:a");

        var (_, refused) = await second.JoinAsync("realtime:a");

        Assert.That((string?)refused["response"]!["reason"], Is.EqualTo("ConnectionRateLimitReached: Too many connected users"));
        var upgrade = Assert.ThrowsAsync<WebSocketException>(() => PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey))!;
        Assert.That(upgrade.Message, Does.Contain("429"));
    }

    [Test]
    public async Task Point_65_a_private_only_project_refuses_public_channels()
    {
        await using var emulator = await StartAsync(new() { IsPrivateOnly = true });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);

        var (_, refused) = await socket.JoinAsync("realtime:a");
        var (_, badToken) = await socket.JoinAsync("realtime:a", token: "garbage");
        var (_, joined) = await socket.JoinAsync("realtime:a", new() { ["private"] = true }, emulator.ServiceKey);

        Assert.That((string?)refused["response"]!["reason"], Is.EqualTo("PrivateOnly: This project only allows private channels"));
        Assert.That((string?)badToken["response"]!["reason"], Does.StartWith("PrivateOnly: "), "before the token is looked at");
        Assert.That((string?)joined["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task A_socket_that_does_not_read_is_dropped_and_holds_nobody_up()
    {
        await using var emulator = await StartAsync(new() { MaxQueuedFramesPerSocket = 8 });
        using var slow = new ClientWebSocket();
        await slow.ConnectAsync(new Uri($"ws://{emulator.Url.Authority}/realtime/v1/websocket?apikey={emulator.AnonKey}&vsn=2.0.0"), CancellationToken.None);
        await slow.SendAsync("""["1","1","realtime:a","phx_join",{"config":{"presence":{"key":"slow"}}}]"""u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        await slow.SendAsync("""["1","2","realtime:a","presence",{"event":"track"}]"""u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        await using var sender = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var config = JsonNode.Parse("""{"broadcast":{"ack":true},"presence":{"enabled":true}}""")!.AsObject();
        var (joinRef, _) = await sender.JoinAsync("realtime:a", config);
        var text = new string('x', 500_000);

        var dropped = sender.ReceiveAsync(frame => frame.Event == "presence_diff" && frame.Payload!["leaves"]!["slow"] is not null, TimeSpan.FromSeconds(30));
        while (!dropped.IsCompleted)
            await sender.ReplyToAsync(await sender.PushAsync("realtime:a", "broadcast", new JsonObject { ["text"] = text }, joinRef));

        Assert.That((await dropped).Payload!["leaves"]!.AsObject(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_failed_join_is_answered_after_the_delay_and_holds_up_the_socket()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false,
            Delays = new EmulatorDelays(JoinError: TimeSpan.FromMilliseconds(300), UpgradeError: TimeSpan.Zero),
        });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);

        await socket.PushAsync("realtime:", "phx_join", new JsonObject(), "1", "1");
        await socket.PushAsync("phoenix", "heartbeat", null, null, "2");

        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo("1"));
        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo("2"));
    }

    [TestCase("""["2","2","realtime:b","phx_join",{"config":{"presence":{"key":"\ud800"},"private":"\ud800","postgres_changes":[{"a":"\ud800"}]},"access_token":"\ud800"}]""")]
    [TestCase("""["1","2","realtime:a","presence",{"event":"\ud800"}]""")]
    [TestCase("""["1","2","realtime:a","presence",{"event":"track","payload":{"\ud800":"\udfff"}}]""")]
    [TestCase("""["1","2","realtime:a","access_token",{"access_token":"\ud800"}]""")]
    [TestCase("""["1","2","realtime:a\ud800","broadcast",{}]""")]
    [TestCase("""["1","2","realtime:a","broadcast",{"event":"\ud800"}]""")]
    [TestCase("""["2","2","realtime:\u0000","phx_join",{"config":{"private":true}}]""")]
    public async Task Text_that_is_none_does_not_cost_the_socket(string frame)
    {
        await using var socket = await PlainSocket.ConnectAsync(EmulatorFixture.Emulator.Url, EmulatorFixture.Emulator.AnonKey);
        await socket.SendAsync("""["1","1","realtime:a","phx_join",{"config":{}}]""");
        await socket.ReplyToAsync("1");

        await socket.SendAsync(frame);
        await socket.SendAsync("""[null,"9","phoenix","heartbeat",{}]""");

        Assert.That((await socket.ReplyToAsync("9")).Topic, Is.EqualTo("phoenix"));
    }

    [Test]
    public async Task Disposing_closes_sockets_with_1012()
    {
        var emulator = await StartAsync(new());
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await socket.JoinAsync("realtime:a");

        await emulator.DisposeAsync();

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1012));
    }

    private static Task<CampfireEmulator> StartAsync(EmulatorLimits limits) =>
        CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, Limits = limits });
}

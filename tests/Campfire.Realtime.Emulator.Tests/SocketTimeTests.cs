using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Tests.Faults;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

// Pauses and timeouts of sockets, on a clock that only a test moves.
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketTimeTests
{
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _instant = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan _joinPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _upgradePause = TimeSpan.FromSeconds(2);
    private readonly ArmedTime _time = new();
    private CampfireEmulator _emulator = null!;

    [SetUp]
    public async Task Start() => _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, TimeProvider = _time });

    [TearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    [Test]
    public async Task Point_38_a_failed_join_is_answered_after_5_seconds_and_two_after_10()
    {
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        await socket.PushAsync("realtime:", "phx_join", new JsonObject(), "1", "1");
        await socket.PushAsync("realtime:", "phx_join", new JsonObject(), "2", "2");
        await socket.PushAsync("phoenix", "heartbeat", null, null, "3");

        foreach (var reference in new[] { "1", "2" })
        {
            await AlmostAsync(_joinPause);
            Assert.That(socket.Unread, Is.Empty);
            _time.Advance(_instant);
            await socket.ReplyToAsync(reference);
        }
        await socket.ReplyToAsync("3");
    }

    [Test]
    public async Task Point_05_a_refused_upgrade_is_answered_after_2_seconds()
    {
        var refusal = UpgradeRefusal.ReadAsync(new Uri(_emulator.Url, "/realtime/v1/websocket?vsn=2.0.0"));

        await AlmostAsync(_upgradePause);
        Assert.That(refusal.IsCompleted, Is.False);
        _time.Advance(_instant);
        Assert.That((await refusal).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Point_02_an_unsupported_vsn_is_refused_at_once()
    {
        var refusal = await UpgradeRefusal.ReadAsync(new Uri(_emulator.Url, "/realtime/v1/websocket?vsn=9.0.0"));

        Assert.That(refusal.Status, Is.EqualTo(HttpStatusCode.Forbidden));
    }

    [Test]
    public async Task A_socket_that_has_joined_and_left_everything_is_cut_within_10_minutes()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false, TimeProvider = _time, Limits = new() { IdleTimeout = TimeSpan.FromHours(1) },
        });
        await using var abandoned = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var member = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var newcomer = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await abandoned.JoinAsync("realtime:a");
        await member.JoinAsync("realtime:a");
        await abandoned.ReplyToAsync(await abandoned.PushAsync("realtime:a", "phx_leave", null, joinRef));

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.That(await abandoned.ClosedAsync(), Is.Null);
        foreach (var socket in new[] { member, newcomer })
            await socket.ReplyToAsync(await socket.PushAsync("phoenix", "heartbeat", null));
    }

    [Test]
    public async Task A_socket_without_a_channel_is_not_cut_while_it_joins()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false, TimeProvider = _time, Limits = new() { IdleTimeout = TimeSpan.FromHours(1) },
        });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a");
        await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "phx_leave", null, joinRef));
        _time.Advance(TimeSpan.FromMinutes(10) - _second);
        var reference = await socket.PushAsync("realtime:", "phx_join", new JsonObject(), "9");
        await _time.ArmedAsync(_joinPause);

        _time.Advance(_second);
        _time.Advance(_joinPause);

        await socket.ReplyToAsync(reference);
    }

    [Test]
    public async Task Point_08_66_seconds_without_a_byte_close_with_1000()
    {
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        for (var i = 0; i < 3; i++)
        {
            await socket.ReplyToAsync(await socket.PushAsync("phoenix", "heartbeat", null));
            _time.Advance(TimeSpan.FromSeconds(65));
        }
        await socket.ReplyToAsync(await socket.PushAsync("phoenix", "heartbeat", null));

        _time.Advance(TimeSpan.FromSeconds(66));

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1000));
    }

    [Test]
    public async Task Point_08_a_ping_keeps_the_socket()
    {
        byte[] ping = [0x89, 0x80, 0, 0, 0, 0];
        using var http = new HttpClient();
        using var request = UpgradeRefusal.Request(new Uri(_emulator.Url, $"/realtime/v1/websocket?vsn=2.0.0&apikey={_emulator.AnonKey}"));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var connection = await response.Content.ReadAsStreamAsync();
        var answers = new List<byte[]>();

        for (var i = 0; i < 3; i++)
        {
            await connection.WriteAsync(ping);
            answers.Add(await ReadAsync(2));
            _time.Advance(TimeSpan.FromSeconds(65));
        }
        _time.Advance(_second);

        Assert.That(answers, Is.All.EqualTo(new byte[] { 0x8A, 0 }), "pongs");
        Assert.That(await ReadAsync(4), Is.EqualTo(new byte[] { 0x88, 2, 0x03, 0xE8 }), "and at last the close");

        async Task<byte[]> ReadAsync(int length)
        {
            using var deadline = new CancellationTokenSource(PlainSocket.Deadline);
            var bytes = new byte[length];
            await connection.ReadExactlyAsync(bytes, deadline.Token);
            return bytes;
        }
    }

    // Waits until somebody makes that pause and lets all of it pass but an instant, and whatever comes too early, come.
    private async Task AlmostAsync(TimeSpan pause)
    {
        await _time.ArmedAsync(pause);
        _time.Advance(pause - _instant);
        await using var other = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        for (var i = 0; i < 20; i++)
            await other.ReplyToAsync(await other.PushAsync("phoenix", "heartbeat", null));
    }
}

using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Emulator.Tests;

// Pauses and timeouts of sockets, on a clock that only a test moves.
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SocketTimeTests
{
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _tooLong = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
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

        var first = await SecondsUntilAsync(socket.NextAsync());
        var last = first + await SecondsUntilAsync(socket.ReplyToAsync("3"));

        Assert.That(first, Is.GreaterThanOrEqualTo(5));
        Assert.That(last, Is.GreaterThanOrEqualTo(10));
    }

    [Test]
    public async Task Point_05_a_refused_upgrade_is_answered_after_2_seconds()
    {
        var refusal = UpgradeRefusal.ReadAsync(new Uri(_emulator.Url, "/realtime/v1/websocket?vsn=2.0.0"));

        Assert.That(await SecondsUntilAsync(refusal), Is.GreaterThanOrEqualTo(2));
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

    // How many seconds of the emulator's clock go by; between two of them, another socket gets its answer.
    private async Task<int> SecondsUntilAsync(Task task)
    {
        await using var other = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        for (var seconds = 0; _second * seconds < _tooLong; seconds++)
        {
            await other.ReplyToAsync(await other.PushAsync("phoenix", "heartbeat", null));
            if (task.IsCompleted)
                return seconds;
            _time.Advance(_second);
        }
        throw new TimeoutException("Nothing happened within a minute of the emulator's clock.");
    }
}

using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Emulator.Tests;

// Limits as a real server's default ones were seen to trip, on a clock that runs by five seconds at a time.
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RecordedLimitTests
{
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(5);
    private FakeTimeProvider _time = null!;
    private CampfireEmulator _emulator = null!;

    [Test]
    public async Task Point_80_too_many_events_close_who_receives_them()
    {
        await using var session = await StartAsync(new());
        var acknowledged = 0;
        session.Steps["broadcasts"] = async count =>
        {
            var total = int.Parse(count, CultureInfo.InvariantCulture);
            for (var i = 0; i < total; i++)
            {
                if (i == total - 1)
                    _time.Advance(_tick);
                await session["ev"].PushAsync("realtime:r", "broadcast", new JsonObject { ["n"] = i }, "1", $"b{i}");
                var reply = await session["ev"].ReplyToAsync($"b{i}");
                acknowledged += (string?)reply.Payload!["status"] == "ok" ? 1 : 0;
            }
            // The recording leaves out what arrived, all of it ahead of the close.
            for (var i = 0; i < total; i++)
                Assert.That((int)(await session["ev9"].NextAsync()).Payload!["n"]!, Is.EqualTo(i));
        };
        session.Steps["acks"] = count =>
        {
            Assert.That(acknowledged, Is.EqualTo(int.Parse(count, CultureInfo.InvariantCulture)));
            return Task.CompletedTask;
        };
        session.Steps["rest"] = async expected =>
            Assert.That(await BroadcastByRestAsync("broadcast", """{"messages":[{"topic":"r","event":"e","payload":{}}]}"""), Is.EqualTo(expected));

        await session.PlayAsync("rate-events");
    }

    [Test]
    public async Task Point_80_too_many_joins_close_the_socket_and_refuse_new_ones()
    {
        await using var session = await StartAsync(new());
        session.Steps["joins"] = async count =>
        {
            var total = int.Parse(count, CultureInfo.InvariantCulture);
            for (var i = 1; i <= total; i++)
            {
                await session["jo"].PushAsync("realtime:j", "phx_join", new JsonObject { ["config"] = new JsonObject() }, $"{i}", $"{i}");
                Assert.That((string?)(await session["jo"].NextAsync()).Payload!["status"], Is.EqualTo("ok"));
                if (i > 1)
                    Assert.That((await session["jo"].NextAsync()).JoinRef, Is.EqualTo($"{i - 1}"));
            }
        };
        session.Steps["tick"] = _ =>
        {
            _time.Advance(_tick);
            return Task.CompletedTask;
        };

        await session.PlayAsync("rate-joins");

        // A minute without joins makes the mean forget them.
        _time.Advance(TimeSpan.FromSeconds(65));
        await using var later = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        Assert.That((string?)(await later.JoinAsync("realtime:j")).Reply["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_80_too_many_users_are_refused_at_the_upgrade()
    {
        await using var session = await StartAsync(new() { MaxConcurrentUsers = 5 });

        await session.PlayAsync("rate-users");
    }

    [TearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    private async Task<Recording> StartAsync(EmulatorLimits limits)
    {
        _time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, Limits = limits, TimeProvider = _time });
        return new Recording(_ => PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey))
        {
            Refuse = _ => UpgradeRefusal.ReadAsync(new Uri(_emulator.Url, $"/realtime/v1/websocket?vsn=2.0.0&apikey={_emulator.AnonKey}")),
        };
    }

    private async Task<string> BroadcastByRestAsync(string path, string body)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _emulator.AnonKey);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri(_emulator.Url, $"/realtime/v1/api/{path}"), content);
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
    }
}

using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// What counts as an event, and what an excess does, on a clock of its own.
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EventRateTests : IDisposable
{
    private const string Topic = "realtime:a";
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(5);
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly DroppedRows _dropped = new();
    private CampfireEmulator _emulator = null!;

    [SetUp]
    public async Task Start() => _emulator = await CampfireEmulator.StartAsync(new()
    {
        ApplyMigrations = false, Delays = EmulatorDelays.Fast, TimeProvider = _time, Limits = new() { MaxEventsPerSecond = 3 }, LoggerFactory = _dropped,
    });

    [TearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    public void Dispose() => _dropped.Dispose();

    // Each send to two members that receive it, one of them its sender, is three events: five reach three a second.
    [TestCase(4, false)]
    [TestCase(5, true)]
    public async Task A_send_counts_once_and_once_for_each_copy(int sends, bool isExceeded)
    {
        await using var sender = await JoinAsync("""{"broadcast":{"self":true,"ack":true}}""");
        await using var member = await JoinAsync("{}");
        for (var i = 0; i < sends; i++)
            await sender.ReplyToAsync(await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1"));

        _time.Advance(_tick);
        await sender.ReplyToAsync(await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1"));
        foreach (var socket in new[] { sender, member })
            await socket.ReplyToAsync(await socket.PushAsync("phoenix", "heartbeat", null));

        Assert.That(member.Unread.Count(frame => frame.Event == "broadcast"), Is.EqualTo(sends + 1), "the one that trips arrives");
        Assert.That(member.Unread.Count(frame => frame.Event == "phx_close"), Is.EqualTo(isExceeded ? 1 : 0));
    }

    // Two states, and for each track two diffs: eight events in five seconds are more than one a second, eleven more than
    // two. If any of them did not count, they would be no more than that.
    [TestCase(1, 2)]
    [TestCase(2, 3)]
    public async Task Presence_has_a_rate_of_its_own_and_too_much_of_it_closes_who_tracks_or_joins_with_it(int max, int tracks)
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false, Delays = EmulatorDelays.Fast, TimeProvider = _time, Limits = new() { MaxPresenceEventsPerSecond = max },
        });
        var config = JsonNode.Parse("""{"presence":{"enabled":true}}""")!.AsObject();
        await using var first = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await first.JoinAsync(Topic, config.DeepClone().AsObject());
        await using var second = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await second.JoinAsync(Topic, config.DeepClone().AsObject());
        await TrackAsync(first, joinRef, tracks, [first, second]);

        _time.Advance(_tick);
        await first.PushAsync(Topic, "presence", Track(0), joinRef);

        Assert.That((string?)(await first.EventAsync("system")).Payload!["message"], Is.EqualTo("Too many presence messages per second"));
        await first.EventAsync("phx_close");
        await using var late = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await late.JoinAsync(Topic, config);
        Assert.That((string?)(await late.EventAsync("system")).Payload!["message"], Is.EqualTo("Too many presence messages per second"));
    }

    // Two states, a track and two diffs: one a second, and no more.
    [Test]
    public async Task As_much_presence_as_the_limit_says_is_taken()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false, Delays = EmulatorDelays.Fast, TimeProvider = _time, Limits = new() { MaxPresenceEventsPerSecond = 1 },
        });
        var config = JsonNode.Parse("""{"presence":{"enabled":true}}""")!.AsObject();
        await using var first = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await first.JoinAsync(Topic, config.DeepClone().AsObject());
        await using var second = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await second.JoinAsync(Topic, config);
        await TrackAsync(first, joinRef, 1, [first, second]);

        _time.Advance(_tick);
        await first.ReplyToAsync(await first.PushAsync(Topic, "presence", Track(0), joinRef));

        await second.EventAsync("presence_diff");
    }

    [Test]
    public async Task A_reset_forgets_what_was_counted()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false,
            Delays = EmulatorDelays.Fast,
            TimeProvider = _time,
            Limits = new() { MaxEventsPerSecond = 1, MaxJoinsPerSecond = 1, MaxPresenceEventsPerSecond = 1 },
        });
        var config = JsonNode.Parse("""{"presence":{"enabled":true},"broadcast":{"ack":true,"self":true}}""")!.AsObject();
        await using (var before = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey))
        {
            string joinRef;
            for (var i = 0; ; i++)
            {
                (joinRef, _) = await before.JoinAsync(Topic, config.DeepClone().AsObject());
                if (i == 5)
                    break;
            }
            await TrackAsync(before, joinRef, 5, [before]);
            for (var i = 0; i < 5; i++)
                await before.ReplyToAsync(await before.PushAsync(Topic, "broadcast", new JsonObject(), joinRef));
        }
        using var http = new HttpClient { BaseAddress = emulator.Url, DefaultRequestHeaders = { { "apikey", emulator.AnonKey } } };
        Task<HttpResponseMessage> SendAsync() =>
            http.PostAsync("/realtime/v1/api/broadcast/a/events/e", new StringContent("{}", Encoding.UTF8, "application/json"));
        for (var i = 0; i < 6; i++)
            (await SendAsync()).Dispose();
        _time.Advance(_tick);
        using var refused = await SendAsync();

        await emulator.ResetAsync();

        await using var after = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await after.JoinAsync(Topic, config);
        using var taken = await SendAsync();
        Assert.That((await after.NextAsync()).Event, Is.EqualTo("presence_state"));
        Assert.That(((int)refused.StatusCode, (int)taken.StatusCode), Is.EqualTo((429, 202)));
        Assert.That(taken.Headers.GetValues("x-rate-rolling").Single(), Is.EqualTo("0"));
    }

    // Realtime looks whether a payload has changed before it looks at the rate.
    [Test]
    public async Task To_track_the_same_again_is_neither_counted_nor_refused()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false,
            Delays = EmulatorDelays.Fast,
            TimeProvider = _time,
            Limits = new() { MaxPresenceEventsPerSecond = 1, MaxClientPresenceEventsPerWindow = 100 },
        });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync(Topic, JsonNode.Parse("""{"presence":{"enabled":true}}""")!.AsObject());
        async Task<string?> TrackAsync(int n) => (string?)(await socket.ReplyToAsync(await socket.PushAsync(
            Topic, "presence", new JsonObject { ["event"] = "track", ["payload"] = new JsonObject { ["n"] = n } }, joinRef))).Payload!["status"];

        // A state, a track and its diff are three of the five that a tick may have.
        for (var i = 0; i < 10; i++)
            await TrackAsync(1);
        _time.Advance(_tick);
        var afterRepeats = await TrackAsync(2);
        // Ten more tracks and diffs are too many.
        for (var n = 3; n <= 12; n++)
            await TrackAsync(n);
        _time.Advance(_tick);
        var sameAgain = await TrackAsync(12);
        await socket.PushAsync(Topic, "presence", new JsonObject { ["event"] = "track", ["payload"] = new JsonObject { ["n"] = 13 } }, joinRef);

        Assert.That((afterRepeats, sameAgain), Is.EqualTo(("ok", "ok")));
        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo("Too many presence messages per second"));
    }

    [Test]
    public async Task Requests_to_the_broadcast_api_tell_their_rate_and_are_refused_when_it_is_reached()
    {
        using var http = new HttpClient { BaseAddress = _emulator.Url, DefaultRequestHeaders = { { "apikey", _emulator.AnonKey } } };
        Task<HttpResponseMessage> SendAsync() => http.PostAsync("/realtime/v1/api/broadcast", new StringContent("{}", Encoding.UTF8, "application/json"));
        using var first = await SendAsync();
        for (var i = 0; i < 2; i++)
            (await SendAsync()).Dispose();

        _time.Advance(TimeSpan.FromSeconds(1));
        using var refused = await SendAsync();

        string[] names = ["x-rate-rolling", "x-rate-limit", "x-rate-limit-remaining"];
        Assert.That(names.Select(name => first.Headers.GetValues(name).Single()), Is.EqualTo(new[] { "0", "3", "3" }));
        Assert.That(names.Select(name => refused.Headers.GetValues(name).Single()), Is.EqualTo(new[] { "3", "3", "0" }));
        Assert.That(((int)refused.StatusCode, await refused.Content.ReadAsStringAsync()), Is.EqualTo((429, """{"message":"Too many requests"}""")));
    }

    [Test]
    public async Task A_sender_that_receives_its_own_is_acknowledged_before_it_is_closed()
    {
        await using var sender = await JoinAsync("""{"broadcast":{"self":true,"ack":true}}""");
        await ExceedAsync(sender);

        await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1", "last");

        string?[] order = [(await sender.NextAsync()).Event, (await sender.NextAsync()).Ref, (await sender.NextAsync()).Event, (await sender.NextAsync()).Event];
        Assert.That(order, Is.EqualTo(new[] { "broadcast", "last", "system", "phx_close" }));
    }

    [Test]
    public async Task A_sender_that_does_not_receive_its_own_is_never_refused()
    {
        await using var sender = await JoinAsync("""{"broadcast":{"ack":true}}""");
        await ExceedAsync(sender);

        var reply = await sender.ReplyToAsync(await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1"));
        await sender.BarrierAsync(Topic, "1");

        Assert.That((string?)reply.Payload!["status"], Is.EqualTo("ok"));
        Assert.That(sender.Unread, Is.Empty);
    }

    [Test]
    public async Task Channels_serve_again_when_the_mean_has_come_down()
    {
        await using var sender = await JoinAsync("""{"broadcast":{"ack":true}}""");
        await ExceedAsync(sender);
        _time.Advance(_tick);
        await using var member = await JoinAsync("{}");

        await sender.ReplyToAsync(await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1"));
        await member.BarrierAsync(Topic, "1");

        Assert.That(member.Unread.Select(frame => frame.Event), Is.EqualTo(new[] { "broadcast" }));
    }

    [Test]
    public async Task Rest_is_answered_429_and_a_batch_beyond_the_limit_always_is()
    {
        await using var member = await JoinAsync("{}");
        const string Message = """{"topic":"a","event":"e","payload":{}}""";

        var tooLarge = await PostAsync("broadcast", $$"""{"messages":[{{Message}},{{Message}},{{Message}},{{Message}}]}""");
        var whole = await PostAsync("broadcast", $$"""{"messages":[{{Message}},{{Message}},{{Message}}]}""");
        for (var i = 0; i < 6; i++)
            await PostAsync("broadcast/a/events/e", "{}");
        _time.Advance(_tick);
        var single = await PostAsync("broadcast/a/events/e", "{}");
        var batch = await PostAsync("broadcast", $$"""{"messages":[{{Message}}]}""");
        await member.BarrierAsync(Topic, "1");

        Assert.That(tooLarge, Is.EqualTo("""429 {"message":"Too many messages to broadcast, please reduce the batch size"}"""));
        Assert.That(whole, Is.EqualTo("202 "));
        Assert.That((single, batch), Is.EqualTo(("""429 {"message":"You have exceeded your rate limit"}""", """429 {"message":"You have exceeded your rate limit"}""")));
        Assert.That(member.Unread, Has.Count.EqualTo(9));
    }

    [Test]
    public async Task A_row_is_dropped_and_logged()
    {
        await using var sender = await JoinAsync("""{"broadcast":{"ack":true}}""");
        await ExceedAsync(sender);
        await using var member = await JoinAsync("{}");

        await SendFromDatabaseAsync("dropped");
        await _dropped.First.WaitAsync(PlainSocket.Deadline);
        _time.Advance(_tick * 3);
        await SendFromDatabaseAsync("delivered");
        var first = await member.ReceiveAsync(frame => frame.IsBinary);

        Assert.That(first.ToString(), Does.Contain("delivered"));
    }

    private static JsonObject Track(int n) => new() { ["event"] = "track", ["payload"] = new JsonObject { ["n"] = n } };

    private static async Task TrackAsync(PlainSocket socket, string joinRef, int tracks, PlainSocket[] members)
    {
        for (var n = 1; n <= tracks; n++)
        {
            await socket.ReplyToAsync(await socket.PushAsync(Topic, "presence", Track(n), joinRef));
            foreach (var member in members)
                await member.EventAsync("presence_diff");
        }
    }

    private async Task<PlainSocket> JoinAsync(string config)
    {
        var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        await socket.JoinAsync(Topic, JsonNode.Parse(config)!.AsObject());
        return socket;
    }

    // 18 or more events in a tick, and a mean of three or more a second from then on.
    private async Task ExceedAsync(PlainSocket sender)
    {
        for (var i = 0; i < 18; i++)
            await sender.ReplyToAsync(await sender.PushAsync(Topic, "broadcast", new JsonObject(), "1"));
        while (sender.Unread.Count > 0)
            await sender.NextAsync();
        _time.Advance(_tick);
    }

    private async Task<string> PostAsync(string path, string body)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _emulator.AnonKey);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri(_emulator.Url, $"/realtime/v1/api/{path}"), content);
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
    }

    private async Task SendFromDatabaseAsync(string userEvent)
    {
        await using var connection = new NpgsqlConnection(_emulator.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select realtime.send('{}', $1, 'a', false)", connection) { Parameters = { new() { Value = userEvent } } };
        await command.ExecuteNonQueryAsync();
    }

    private sealed class DroppedRows : ILoggerFactory, ILogger
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task First => _first.Task;

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Name == "TooManyEvents")
                _first.TrySetResult();
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }
    }
}

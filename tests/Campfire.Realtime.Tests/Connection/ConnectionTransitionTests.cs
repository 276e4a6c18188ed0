using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

// Each state of the connection and what each event makes of it. A case is named state_event_next.
public sealed class ConnectionTransitionTests
{
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(2);
    private static readonly Stage[] Trying = [Stage.Connecting, Stage.ConnectingWaits, Stage.Reconnecting, Stage.ReconnectingWaits];

    public enum Outcome
    {
        Connected,
        WaitsBriefly,
        WaitsForRoom,
        RefusedKey,
        Denied,
    }

    // What an attempt meets, what follows before there ever was a connection, and what follows after one.
    private static IEnumerable<TestCaseData> Answers()
    {
        (string Event, Exception? Answer, Outcome First, Outcome Later)[] table =
        [
            ("accepted", null, Outcome.Connected, Outcome.Connected),
            ("401 of Realtime", Refused(401, "API key is missing"), Outcome.RefusedKey, Outcome.RefusedKey),
            ("401 of a gateway", Refused(401), Outcome.RefusedKey, Outcome.RefusedKey),
            ("403 of Realtime", Refused(403, "Realtime was disabled for this tenant"), Outcome.Denied, Outcome.Denied),
            ("403 of a gateway", Refused(403), Outcome.Denied, Outcome.WaitsBriefly),
            ("404 of Realtime", Refused(404, "Tenant not found"), Outcome.Denied, Outcome.Denied),
            ("404 of a gateway", Refused(404), Outcome.Denied, Outcome.WaitsBriefly),
            ("429 of Realtime", Refused(429, "Too many joins per second"), Outcome.WaitsForRoom, Outcome.WaitsForRoom),
            ("429 of a gateway", Refused(429), Outcome.WaitsForRoom, Outcome.WaitsForRoom),
            ("400", Refused(400), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
            ("500", Refused(500, "Error connecting to Realtime"), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
            ("502", Refused(502), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
            ("unreachable", new IOException("unreachable"), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
            ("timeout", new TimeoutException("an inner timeout"), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
            ("unknown error", new FormatException("garbage"), Outcome.WaitsBriefly, Outcome.WaitsBriefly),
        ];
        foreach ((string happens, Exception? answer, Outcome first, Outcome later) in table)
        {
            yield return new TestCaseData(Stage.Connecting, answer, first).SetArgDisplayNames(nameof(Stage.Connecting), happens, $"{first}");
            yield return new TestCaseData(Stage.Reconnecting, answer, later).SetArgDisplayNames(nameof(Stage.Reconnecting), happens, $"{later}");
        }
    }

    [TestCaseSource(nameof(Answers))]
    public async Task Attempt(Stage from, Exception? answer, Outcome next)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);

        stage.Answer(answer);

        await BecomesAsync(stage, from, next);
    }

    [Test]
    public async Task Attempt_without_an_answer_is_waited_for_briefly([Values(Stage.Connecting, Stage.Reconnecting)] Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);

        stage.LeaveUnanswered();
        stage.World.Time.Advance(CampfireClientOptions.DefaultReplyTimeout);

        await BecomesAsync(stage, from, Outcome.WaitsBriefly);
        Assert.That(stage.World.Server.Connects, Is.EqualTo(from is Stage.Connecting ? 2 : 3));
    }

    private static IEnumerable<TestCaseData> Losses()
    {
        (string Event, int? Code, Outcome Next)[] table =
        [
            ("close 1000", 1000, Outcome.WaitsBriefly),
            ("close 1001", 1001, Outcome.WaitsForRoom),
            ("close 1002", 1002, Outcome.WaitsBriefly),
            ("close 1006", 1006, Outcome.WaitsBriefly),
            ("close 1009", 1009, Outcome.WaitsBriefly),
            ("close 1011", 1011, Outcome.WaitsBriefly),
            ("close 1012", 1012, Outcome.WaitsBriefly),
            ("reset", null, Outcome.WaitsBriefly),
        ];
        foreach ((string happens, int? code, Outcome next) in table)
            yield return new TestCaseData(code, next).SetArgDisplayNames(nameof(Stage.Connected), happens, $"{next}");
    }

    [TestCaseSource(nameof(Losses))]
    public async Task Loss(int? closeCode, Outcome next)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Connected);

        if (closeCode is { } code)
            stage.Socket!.Close(code);
        else
            stage.Socket!.Break();

        await BecomesAsync(stage, Stage.Connected, next);
    }

    [TestCase(false, 2)]
    [TestCase(true, 1)]
    public async Task Connected_reset_begins_the_count_anew_only_where_the_server_has_spoken(bool hasSpoken, int attempt)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Connected);
        if (hasSpoken)
            stage.Socket!.Receive("{}");

        stage.Socket!.Break();

        Assert.That((await stage.WaitingAsync()).Attempt, Is.EqualTo(attempt));
    }

    [Test]
    public async Task Connected_silence_WaitsBriefly()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Connected);
        stage.World.Server.AnswersHeartbeats = false;

        await stage.World.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatInterval);
        await stage.World.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatTimeout);

        await BecomesAsync(stage, Stage.Connected, Outcome.WaitsBriefly);
    }

    [Test]
    public async Task Connected_unexpected_error_of_a_loop_WaitsBriefly()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Connected);
        stage.World.Server.OnSent = (_, _) => throw new FormatException("an error of ours");

        await stage.World.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatInterval);

        Assert.That((await stage.WaitingAsync()).Reason, Is.EqualTo("an unexpected FormatException"));
        stage.World.Server.OnSent = (_, _) => false;
        await BecomesAsync(stage, Stage.Connected, Outcome.WaitsBriefly);
    }

    [Test]
    public async Task Resting_gateway_without_routes_WaitsBriefly_because_there_was_a_connection()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Resting);
        stage.World.Server.OnConnect = number => number == 2 ? Refused(404) : null;

        Task<BroadcastChannel> joining = stage.JoinAsync();

        Assert.That((await stage.WaitingAsync()).Reason, Is.EqualTo("HTTP 404"));
        await stage.World.RetryAsync();
        await using BroadcastChannel channel = await joining.InTime();
    }

    // How many further attempts the server meets, and without any time passing.
    [TestCase(Stage.NeverConnected, 1)]
    [TestCase(Stage.RefusedForGood, 1)]
    [TestCase(Stage.Resting, 1)]
    [TestCase(Stage.Connected, 0)]
    public async Task Connect_asked_for_completes(Stage from, int attempts)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        int before = stage.World.Server.Connects;

        await stage.Client.ConnectAsync().InTime();

        Assert.That(stage.Status, Is.EqualTo(new CampfireStatus(CampfireConnectionState.Connected)));
        Assert.That(stage.World.Server.Connects - before, Is.EqualTo(attempts));
    }

    [TestCaseSource(nameof(Trying))]
    public async Task Connect_asked_for_joins_the_wait(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        int before = stage.World.Server.Connects;
        Task second = stage.Client.ConnectAsync();
        Assert.That(second.IsCompleted, Is.False);

        await stage.ReleaseAsync();

        await Task.WhenAll(second, stage.Caller!).InTime();
        Assert.That(stage.World.Server.Connects - before, Is.EqualTo(from is Stage.Connecting or Stage.Reconnecting ? 0 : 1));
    }

    [TestCaseSource(nameof(Trying))]
    public async Task Connect_cancelled_ends_the_wait_and_not_the_trying(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        using var cancelled = new CancellationTokenSource();
        Task second = stage.Client.ConnectAsync(cancelled.Token);

        await cancelled.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => second.InTime());
        await stage.ReleaseAsync();
        await stage.Caller!.InTime();
        Assert.That(stage.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [TestCase(Stage.Connecting, CampfireErrorCode.Unavailable, "")]
    [TestCase(Stage.ConnectingWaitsForRoom, CampfireErrorCode.RateLimited, "Too many connected users")]
    [TestCase(Stage.Reconnecting, CampfireErrorCode.Unavailable, "The connection was reset.")]
    public async Task Connect_that_takes_too_long_says_why_and_goes_on(Stage from, CampfireErrorCode code, string reason)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from, options => options.ConnectTimeout = TimeSpan.FromSeconds(1));
        Task second = stage.Client.ConnectAsync();

        stage.World.Time.Advance(TimeSpan.FromSeconds(1));

        CampfireException? late = Assert.ThrowsAsync<CampfireException>(() => second.InTime());
        Assert.That((late!.Code, late.ServerReason ?? "", late.IsTransient), Is.EqualTo((code, reason, true)));
        Assert.ThrowsAsync<CampfireException>(() => stage.Caller!.InTime());
        Task<CampfireStatus> connected = stage.World.StatusAsync(CampfireConnectionState.Connected);
        stage.LeaveUnanswered();
        await stage.World.Time.PassUntilAsync(connected, TimeSpan.FromSeconds(1));
    }

    [TestCase(Stage.Resting, 1)]
    [TestCase(Stage.Connected, 0)]
    public async Task Join_completes(Stage from, int attempts)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        int before = stage.World.Server.Connects;

        await using BroadcastChannel channel = await stage.JoinAsync().InTime();

        Assert.That(stage.World.Server.Connects - before, Is.EqualTo(attempts));
        Assert.That(stage.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [TestCaseSource(nameof(Trying))]
    public async Task Join_waits_for_the_connection(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        Task<BroadcastChannel> joining = stage.JoinAsync();
        Assert.That(joining.IsCompleted, Is.False);

        await stage.ReleaseAsync();

        await using BroadcastChannel channel = await joining.InTime();
        Assert.That(channel.IsLive, Is.True);
    }

    [Test]
    public async Task NeverConnected_join_is_wrong_use()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.NeverConnected);

        Assert.ThrowsAsync<InvalidOperationException>(() => stage.JoinAsync());

        Assert.That(stage.World.Server.Connects, Is.Zero);
    }

    [Test]
    public async Task RefusedForGood_join_fails_for_the_same_reason_until_the_application_connects_again()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.RefusedForGood);

        CampfireException? refusal = Assert.ThrowsAsync<CampfireException>(() => stage.JoinAsync().InTime());

        Assert.That((refusal!.Code, refusal.ServerReason), Is.EqualTo((CampfireErrorCode.InvalidApiKey, "no such key")));
        Assert.That((stage.Status.State, stage.World.Server.Connects), Is.EqualTo((CampfireConnectionState.Disconnected, 1)));
        await stage.Client.ConnectAsync().InTime();
        await using BroadcastChannel channel = await stage.JoinAsync().InTime();
    }

    [Test]
    public async Task Closed_anything_is_wrong_use()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Closed);

        Assert.ThrowsAsync<ObjectDisposedException>(() => stage.Client.ConnectAsync().InTime());
        Assert.ThrowsAsync<ObjectDisposedException>(() => stage.JoinAsync().InTime());
        Assert.That(stage.Client.NotifyNetworkChanged, Throws.Nothing);
        Assert.That((stage.Status.State, stage.World.Server.Connects), Is.EqualTo((CampfireConnectionState.Closed, 1)));
    }

    [TestCase(Stage.NeverConnected)]
    [TestCase(Stage.RefusedForGood)]
    [TestCase(Stage.Resting)]
    public async Task Hint_moves_nothing_that_is_not_wanted(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        (CampfireStatus before, int attempts) = (stage.Status, stage.World.Server.Connects);

        stage.Client.NotifyNetworkChanged();
        stage.World.Time.Advance(TimeSpan.FromHours(1));

        Assert.That(stage.Status, Is.EqualTo(before));
        await stage.Client.ConnectAsync().InTime();
        Assert.That(stage.World.Server.Connects, Is.EqualTo(attempts + 1));
    }

    [TestCase(Stage.Connecting)]
    [TestCase(Stage.Reconnecting)]
    public async Task Hint_gives_an_attempt_two_seconds_and_begins_the_count_anew(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);

        stage.Client.NotifyNetworkChanged();
        stage.LeaveUnanswered();
        stage.World.Time.Advance(Probe);

        Assert.That((await stage.WaitingAsync()).Attempt, Is.EqualTo(1));
        await BecomesAsync(stage, from, Outcome.WaitsBriefly);
    }

    [TestCase(Stage.ConnectingWaits)]
    [TestCase(Stage.ReconnectingWaits)]
    public async Task Hint_ends_a_wait_at_once(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);

        stage.Client.NotifyNetworkChanged();

        await stage.Caller!.InTime();
        Assert.That(stage.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [Test]
    public async Task ConnectingWaitsForRoom_hint_WaitsForRoom()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.ConnectingWaitsForRoom);

        stage.Client.NotifyNetworkChanged();

        await BecomesAsync(stage, Stage.Connecting, Outcome.WaitsForRoom);
        Assert.That(stage.World.Server.Connects, Is.EqualTo(2));
    }

    [Test]
    public async Task Connected_hint_is_probed_and_stays()
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(Stage.Connected);

        stage.Client.NotifyNetworkChanged();

        await stage.Socket!.SentAsync("heartbeat");
        Assert.That(stage.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    // The last channel leaves while there is no connection: it still comes about, and rests at once.
    [TestCaseSource(nameof(Trying))]
    public async Task Idle_timeout_ends_no_trying_and_rests_once_connected(Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from, options => options.IdleTimeout = TimeSpan.FromMilliseconds(1));
        using var cancelled = new CancellationTokenSource();
        Task<BroadcastChannel> joining = stage.JoinAsync(cancelled.Token);
        await cancelled.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => joining.InTime());
        CampfireConnectionState state = stage.Status.State;

        stage.World.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(stage.Status.State, Is.EqualTo(state));
        await stage.ReleaseAsync();
        await stage.Caller!.InTime();
        await stage.Client.WatchStatusAsync().FirstAsync(status => status is { State: CampfireConnectionState.Disconnected, Reason: "no channel is joined" });
    }

    [Test]
    public async Task Dispose_closes_and_ends_every_wait([Values] Stage from)
    {
        await using ConnectionStage stage = await ConnectionStage.ReachAsync(from);
        int before = stage.World.Server.Connects;
        Task<CampfireStatus> closed = stage.World.StatusAsync(CampfireConnectionState.Closed);

        await stage.Client.DisposeAsync().InTime();

        Assert.That((await closed.InTime()).Reason, Is.EqualTo("closed by the application"));
        Assert.That(stage.World.Server.Connects, Is.EqualTo(before));
        if (stage.Caller is { } caller)
            Assert.ThrowsAsync<ObjectDisposedException>(() => caller.InTime());
        if (stage.Socket is { } socket)
            await socket.Disposed.InTime();
    }

    private static SocketRefusedException Refused(int status, string? words = null) => new(status, words, null);

    private static async Task BecomesAsync(ConnectionStage stage, Stage from, Outcome next)
    {
        Task caller = stage.Caller ?? Task.CompletedTask;
        switch (next)
        {
            case Outcome.Connected:
                await caller.InTime();
                Assert.That(stage.Status, Is.EqualTo(new CampfireStatus(CampfireConnectionState.Connected)));
                break;
            case Outcome.RefusedKey:
            case Outcome.Denied:
                CampfireException? refusal = Assert.ThrowsAsync<CampfireException>(() => caller.InTime());
                Assert.Multiple(() =>
                {
                    Assert.That(refusal!.Code, Is.EqualTo(next is Outcome.Denied ? CampfireErrorCode.AccessDenied : CampfireErrorCode.InvalidApiKey));
                    Assert.That(refusal.IsTransient, Is.False);
                    Assert.That(stage.Status, Is.EqualTo(new CampfireStatus(CampfireConnectionState.Disconnected, refusal.ServerReason)));
                });
                break;
            default:
                CampfireStatus waiting = await stage.WaitingAsync();
                Assert.Multiple(() =>
                {
                    Assert.That(waiting.State, Is.EqualTo(from is Stage.Connecting ? CampfireConnectionState.Connecting : CampfireConnectionState.Reconnecting));
                    Assert.That(waiting.NextRetryIn!.Value.TotalSeconds, next is Outcome.WaitsForRoom ? Is.InRange(5, 60) : Is.LessThanOrEqualTo(1));
                    Assert.That(caller.IsCompleted, Is.EqualTo(stage.Caller is null));
                });
                Task<CampfireStatus> connected = stage.World.StatusAsync(CampfireConnectionState.Connected);
                await stage.World.RetryAsync();
                await connected.InTime();
                await caller.InTime();
                break;
        }
    }
}

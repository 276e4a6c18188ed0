using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

public sealed class NetworkChangeTests
{
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(2);

    [Test]
    public async Task Dead_link_is_noticed_two_seconds_after_the_hint()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();

        world.Client.NotifyNetworkChanged();
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(Probe);

        CampfireStatus status = await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        Assert.That(status.Reason, Does.Contain("no sign of life for 2 s"));
        await socket.Disposed.InTime();
    }

    [Test]
    public async Task Hint_during_a_heartbeat_does_not_wait_for_its_end_nor_trust_what_came_before()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();
        await world.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatInterval);
        await socket.SentAsync("heartbeat");
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultHeartbeatTimeout);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        await socket.ReceivePartAndBeReadAsync([(byte)'[']);

        world.Client.NotifyNetworkChanged();
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(Probe);

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
    }

    [Test]
    public async Task Burst_of_hints_does_not_put_the_end_off()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();

        world.Client.NotifyNetworkChanged();
        await socket.SentAsync("heartbeat");
        await world.Time.ArmedAsync(Probe);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        world.Client.NotifyNetworkChanged();
        world.Time.Advance(TimeSpan.FromSeconds(1));

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
    }

    [Test]
    public async Task Hint_during_a_probe_does_not_trust_the_answer_to_it()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        ScriptedSocket socket = await world.ConnectAsync();
        world.Client.NotifyNetworkChanged();
        SentFrame probe = await socket.SentAsync("heartbeat");

        world.Client.NotifyNetworkChanged();
        socket.Reply(probe, """{"status":"ok","response":{}}""");
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(Probe);

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
    }

    [Test]
    public async Task Living_link_stays_and_is_probed_at_the_usual_pace_afterwards()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultHeartbeatInterval);

        world.Client.NotifyNetworkChanged();
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatInterval);
        await socket.SentAsync("heartbeat");
        world.Server.AnswersHeartbeats = false;
        await world.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatInterval);
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(CampfireClientOptions.DefaultHeartbeatTimeout);

        CampfireStatus status = await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        Assert.That(status.Reason, Does.Contain("no sign of life for 5 s"));
    }

    [Test]
    public async Task Waiting_attempt_starts_at_once_and_the_count_begins_anew()
    {
        await using var world = new World();
        world.Server.OnConnect = number => number <= 3 ? new IOException("unreachable") : null;
        Task connecting = world.Client.ConnectAsync();
        await world.RetryAsync();
        await world.Client.WatchStatusAsync().FirstAsync(status => status is { NextRetryIn: not null, Attempt: 3 });

        world.Client.NotifyNetworkChanged();

        CampfireStatus waiting = await world.Client.WatchStatusAsync().FirstAsync(status => status is { NextRetryIn: not null, Attempt: 2 });
        Assert.That(waiting.NextRetryIn, Is.LessThanOrEqualTo(CampfireClientOptions.DefaultReconnectBaseDelay));
        world.Client.NotifyNetworkChanged();
        await connecting.InTime();
    }

    [Test]
    public async Task Wait_for_a_limit_is_not_cut_short()
    {
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new SocketRefusedException(429, "Too many connected users", null) : null;
        Task connecting = world.Client.ConnectAsync();
        CampfireStatus waiting = await world.Client.WatchStatusAsync().FirstAsync(status => status.NextRetryIn is not null);
        await world.Time.ArmedAsync(due => (due - waiting.NextRetryIn!.Value).Duration() < TimeSpan.FromMilliseconds(2));

        Task<ScriptedSocket> second = world.Server.NextSocketAsync();
        world.Client.NotifyNetworkChanged();
        world.Time.Advance(waiting.NextRetryIn!.Value - TimeSpan.FromMilliseconds(100));

        Assert.ThrowsAsync<TimeoutException>(() => second.WaitAsync(TimeSpan.FromMilliseconds(100)), "the limit still holds");
        world.Time.Advance(TimeSpan.FromMilliseconds(200));
        await second;
        await connecting.InTime();
    }

    [Test]
    public async Task Attempt_that_hangs_on_the_old_network_ends_within_two_seconds()
    {
        await using var world = new World();
        var never = new TaskCompletionSource();
        world.Server.ConnectGate = never.Task;
        Task connecting = world.Client.ConnectAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultReplyTimeout);

        world.Client.NotifyNetworkChanged();
        world.Server.ConnectGate = Task.CompletedTask;
        await world.Time.PassAsync(Probe);
        await world.RetryAsync();

        await connecting.InTime();
    }

    [Test]
    public async Task Hint_before_the_connect_and_after_the_end_is_harmless()
    {
        var world = new World();
        world.Client.NotifyNetworkChanged();
        await world.ConnectAsync();
        await world.DisposeAsync();

        Assert.That(world.Client.NotifyNetworkChanged, Throws.Nothing);
        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Closed));
    }

    [Test]
    public async Task Hint_before_a_wait_is_not_lost()
    {
        var hint = new NetworkHint(new ManualTime());
        using var deadline = new CancellationTokenSource();
        hint.BeginAttempt(deadline);
        hint.EndAttempt();

        hint.Give();

        Assert.That(await hint.PauseAsync(TimeSpan.FromMinutes(1), CancellationToken.None).InTime(), Is.True);
        Assert.That(hint.Take(), Is.False);
    }

    [Test]
    public void Hint_before_an_attempt_says_nothing_about_it_and_one_during_it_does()
    {
        var hint = new NetworkHint(new ManualTime());
        using var deadline = new CancellationTokenSource();
        hint.Give();
        hint.BeginAttempt(deadline);
        bool before = hint.Take();
        hint.Give();

        Assert.That((before, hint.Take(), hint.Take()), Is.EqualTo((false, true, false)));
    }

    [Test]
    public async Task Hint_while_the_link_opens_proves_the_link()
    {
        await using var world = new World();
        world.Server.AnswersHeartbeats = false;
        world.Server.OnConnect = _ =>
        {
            world.Client.NotifyNetworkChanged();
            return null;
        };

        ScriptedSocket socket = await world.ConnectAsync();
        await socket.SentAsync("heartbeat");
        await world.Time.PassAsync(Probe);

        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
    }
}

using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests.Faults;

[Parallelizable(ParallelScope.Self)]
public sealed class ConnectionFaultTests : FaultFixture
{
    // What others can do meanwhile, to show that what does not come is not only late.
    private const int RoundTrips = 100;

    [Test]
    public async Task Dropped_connections_end_without_a_close_frame_and_are_refused_for_a_while()
    {
        await using var socket = await ConnectAsync();
        await using var member = await JoinAsync(NewTopic());

        Faults.DropConnections(TimeSpan.FromMinutes(10));

        Assert.That(await socket.ClosedAsync(), Is.Null);
        Assert.That(await member.Socket.ClosedAsync(), Is.Null);
        Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync());
        Assert.That((Faults.Injected[0].Kind, Faults.Injected[0].Affected), Is.EqualTo((EmulatorFaultKind.ConnectionsDropped, 2)));
        Assert.That(Faults.Injected.Skip(1).Select(fault => fault.Kind), Is.Not.Empty.And.All.EqualTo(EmulatorFaultKind.ConnectionRefused));
        Faults.Clear();
        await using var successor = await ConnectAsync();
    }

    [Test]
    public async Task Half_open_sockets_pass_nothing_until_it_ends_and_then_everything_in_order()
    {
        await using var silent = await JoinAsync(NewTopic());
        Faults.HalfOpen();
        await using var live = await JoinAsync(silent.Topic);

        await silent.SendTextAsync(1);
        await silent.SendTextAsync(2);
        await silent.Socket.PushAsync("phoenix", "heartbeat", null, null, "9");
        await live.SendTextAsync(3);
        await live.SendTextAsync(4);
        for (var i = 0; i < RoundTrips; i++)
            await live.BarrierAsync();

        Assert.That(live.Numbers, Is.EqualTo(new[] { 3, 4 }));
        Assert.That(silent.Socket.Unread, Is.Empty);
        Faults.EndHalfOpen();
        await silent.Socket.ReplyToAsync("9");
        await live.BarrierAsync();
        Assert.That(silent.Numbers, Is.EqualTo(new[] { 3, 4, 1, 2 }));
        Assert.That(live.Numbers, Is.EqualTo(new[] { 3, 4, 1, 2 }));
        Assert.That(Faults.Injected.Select(fault => (fault.Kind, fault.Affected)), Is.EqualTo(new[]
        {
            (EmulatorFaultKind.ConnectionsHalfOpened, 1),
            (EmulatorFaultKind.HalfOpenEnded, 1),
        }));
    }

    [Test]
    public async Task Half_open_sockets_do_not_answer_pings()
    {
        await using var socket = await PlainSocket.ConnectAsync(Emulator.Url, Emulator.AnonKey, configure: options =>
        {
            options.KeepAliveInterval = TimeSpan.FromMilliseconds(200);
            options.KeepAliveTimeout = TimeSpan.FromMilliseconds(500);
        });

        Faults.HalfOpen();

        // The client gives up by itself.
        Assert.That(await socket.ClosedAsync(), Is.Null);
    }

    [Test]
    public async Task Half_open_sockets_do_not_answer_a_close_frame_until_it_ends()
    {
        await using var silent = await JoinAsync(NewTopic());
        Faults.HalfOpen();
        await using var live = await JoinAsync(silent.Topic);

        await silent.Socket.CloseAsync();
        for (var i = 0; i < RoundTrips; i++)
            await live.BarrierAsync();

        var closed = silent.Socket.ClosedAsync();
        Assert.That(closed.IsCompleted, Is.False);
        Faults.EndHalfOpen();
        Assert.That(await closed, Is.EqualTo(1000));
    }

    [Test]
    public async Task Upgrades_get_no_answer_when_new_sockets_are_half_open()
    {
        Faults.HalfOpen(includesNew: true);

        var connecting = ConnectAsync();
        await UntilAsync(() => Faults.Injected.Any(fault => fault.Kind == EmulatorFaultKind.UpgradeUnanswered));

        Assert.That(connecting.IsCompleted, Is.False);
        Faults.EndHalfOpen();
        await using var socket = await connecting;
        await Member.JoinAsync(socket, NewTopic());
    }

    [Test]
    public async Task A_client_that_gives_an_unanswered_upgrade_up_leaves_nothing_behind()
    {
        Faults.HalfOpen(includesNew: true);
        using var impatient = new ClientWebSocket();
        using var patience = new CancellationTokenSource();
        var connecting = impatient.ConnectAsync(new Uri($"ws://{Emulator.Url.Authority}/realtime/v1/websocket?apikey={Emulator.AnonKey}"), patience.Token);
        await UntilAsync(() => Faults.Injected.Any(fault => fault.Kind == EmulatorFaultKind.UpgradeUnanswered));

        await patience.CancelAsync();

        Assert.That(async () => await connecting, Throws.InstanceOf<Exception>());
        Faults.EndHalfOpen();
        Assert.That(Faults.Injected[^1].Affected, Is.Zero);
    }

    [Test]
    public async Task The_emulator_gives_a_half_open_socket_up_without_its_client_noticing()
    {
        var time = new ArmedTime();
        await using var emulator = await StartAsync(time);
        await using var silent = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        await TrackAsync(silent);
        emulator.Faults.HalfOpen();
        await using var live = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");

        await OutliveAsync(time, live);

        var closed = silent.Socket.ClosedAsync();
        for (var i = 0; i < RoundTrips; i++)
            await live.BarrierAsync();
        Assert.That(closed.IsCompleted, Is.False);
        Assert.That(silent.Socket.Unread, Is.Empty);
        emulator.Faults.EndHalfOpen();
        Assert.That(await closed, Is.Null);
    }

    [Test]
    public async Task The_emulator_does_not_notice_that_a_client_left_a_half_open_socket()
    {
        var time = new ArmedTime();
        await using var emulator = await StartAsync(time);
        var silent = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        await TrackAsync(silent);
        emulator.Faults.HalfOpen();
        await using var live = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");

        await silent.DisposeAsync();
        for (var i = 0; i < RoundTrips; i++)
            await live.BarrierAsync();

        Assert.That(live.Socket.Unread.Select(frame => frame.Event), Does.Not.Contain("presence_diff"));
        await OutliveAsync(time, live);
    }

    [Test]
    public async Task Dropping_connections_cuts_half_open_ones()
    {
        await using var silent = await JoinAsync(NewTopic());
        Faults.HalfOpen();

        Faults.DropConnections();

        Assert.That(await silent.Socket.ClosedAsync(), Is.Null);
    }

    [Test]
    public async Task Dropping_connections_ends_the_silence_and_cuts_upgrades_that_waited_while_it_refuses()
    {
        Faults.HalfOpen(includesNew: true);
        var waiting = ConnectAsync();
        await UntilAsync(() => Faults.Injected.Any(fault => fault.Kind == EmulatorFaultKind.UpgradeUnanswered));

        Faults.DropConnections(TimeSpan.FromHours(1));
        Assert.That(async () => await waiting, Throws.InstanceOf<WebSocketException>());
        Faults.DropConnections();

        await using var member = await JoinAsync(NewTopic());
        Assert.That(Faults.Injected.Select(fault => fault.Kind), Does.Contain(EmulatorFaultKind.HalfOpenEnded));
    }

    [Test]
    public async Task Half_opening_without_new_sockets_answers_those_that_waited()
    {
        Faults.HalfOpen(includesNew: true);
        var waiting = ConnectAsync();
        await UntilAsync(() => Faults.Injected.Any(fault => fault.Kind == EmulatorFaultKind.UpgradeUnanswered));

        Faults.HalfOpen(includesNew: false);

        await using var socket = await waiting;
        await Member.JoinAsync(socket, NewTopic());
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Disposing_releases_what_is_silent_or_delayed(bool isSilent)
    {
        await using var emulator = await StartAsync(TimeProvider.System);
        await using var member = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        if (isSilent)
            emulator.Faults.HalfOpen();
        else
            emulator.Faults.Delay(TimeSpan.FromDays(1), TimeSpan.FromDays(1));
        await member.SendTextAsync(1);

        await emulator.DisposeAsync();

        Assert.That(await member.Socket.ClosedAsync(), Is.EqualTo(1012));
    }

    [Test]
    public async Task Frames_to_clients_arrive_after_the_delay_in_order()
    {
        var time = new ArmedTime();
        await using var emulator = await StartAsync(time);
        await using var member = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        emulator.Faults.Delay(toClients: TimeSpan.FromSeconds(10));
        await using var other = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);

        await member.SendTextAsync(1);
        await time.ArmedAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(4));
        emulator.Faults.Delay(toClients: TimeSpan.FromSeconds(1));
        await other.PushAsync("phoenix", "heartbeat", null, null, "8");
        await time.ArmedAsync(TimeSpan.FromSeconds(1));
        await member.SendTextAsync(2);
        await member.Socket.PushAsync("phoenix", "heartbeat", null, null, "9");
        time.Advance(TimeSpan.FromSeconds(1));

        // The later frame of another socket overtakes; those of the same one wait for their turn.
        await other.ReplyToAsync("8");
        Assert.That(member.Socket.Unread, Is.Empty);
        time.Advance(TimeSpan.FromSeconds(5));
        await member.UpToAsync(1);
        // The emulator may have got it before the clock moved, or after.
        var second = member.UpToAsync(2);
        await UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return second.IsCompleted;
        });
        Assert.That(await second, Is.EqualTo(new[] { 2 }));
        await member.Socket.ReplyToAsync("9");
        Assert.That(emulator.Faults.Injected.Select(fault => (fault.Kind, fault.Affected, fault.Detail)), Is.EqualTo(new[]
        {
            (EmulatorFaultKind.DelayStarted, 1, "to clients 00:00:10, from clients 00:00:00"),
            (EmulatorFaultKind.DelayStarted, 2, "to clients 00:00:01, from clients 00:00:00"),
        }));
    }

    [Test]
    public async Task Frames_from_clients_wait_each_from_its_own_arrival()
    {
        var time = new ArmedTime();
        await using var emulator = await StartAsync(time);
        await using var member = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        var second = TimeSpan.FromSeconds(1);
        emulator.Faults.Delay(toClients: TimeSpan.Zero, fromClients: second);
        var padding = new string('x', 20_000);
        for (var n = 1; n <= 30; n++)
        {
            var payload = new JsonObject { ["event"] = "e", ["payload"] = new JsonObject { ["n"] = n, ["padding"] = padding } };
            await member.Socket.PushAsync(member.Topic, "broadcast", payload, member.JoinRef);
        }
        await time.ArmedAsync(second);
        Assert.That(member.Socket.Unread, Is.Empty);

        // Some of them are read only when time has passed already; if each waited for the one before, it took 60 steps.
        var received = member.UpToAsync(30);
        var steps = 0;
        for (; !received.IsCompleted && steps < 30; steps++)
        {
            time.Advance(second);
            for (var i = 0; i < 10; i++)
                (await Http.GetAsync(emulator.Url)).Dispose();
        }

        Assert.That(steps, Is.LessThan(30));
        Assert.That(await received, Is.EqualTo(Enumerable.Range(1, 30)));
    }

    [Test]
    public async Task Ending_a_delay_lets_everything_arrive_at_once_in_order()
    {
        var time = new ArmedTime();
        await using var emulator = await StartAsync(time);
        await using var member = await Member.JoinAsync(await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey), "realtime:a");
        emulator.Faults.Delay(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5));
        await member.SendTextAsync(1);
        await member.SendTextAsync(2);
        await time.ArmedAsync(TimeSpan.FromSeconds(5));

        emulator.Faults.EndDelay();
        await member.SendTextAsync(3);

        Assert.That(await member.UpToAsync(3), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(emulator.Faults.Injected[^1].Kind, Is.EqualTo(EmulatorFaultKind.DelayEnded));
    }

    [Test]
    public void Bad_arguments_are_refused()
    {
        foreach (var duration in (TimeSpan[])[TimeSpan.FromTicks(-1), TimeSpan.FromDays(1) + TimeSpan.FromTicks(1), TimeSpan.MaxValue])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.DropConnections(duration));
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.Delay(duration));
            Assert.Throws<ArgumentOutOfRangeException>(() => Faults.Delay(TimeSpan.Zero, duration));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Faults.Delay(TimeSpan.Zero));
        Assert.That(Faults.Injected, Is.Empty);
    }

    [Test]
    public void Ending_what_has_not_begun_does_nothing()
    {
        Faults.EndHalfOpen();
        Faults.EndDelay();

        Assert.That(Faults.Injected, Is.Empty);
    }

    private static Task<CampfireEmulator> StartAsync(TimeProvider time) =>
        CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, TimeProvider = time });

    private static async Task TrackAsync(Member member)
    {
        await member.Socket.ReplyToAsync(await member.Socket.PushAsync(member.Topic, "presence", new JsonObject { ["event"] = "track" }, member.JoinRef));
        await member.Socket.EventAsync("presence_diff");
    }

    // Lets the idle timeout pass for the silent member, but not for the live one.
    private static async Task OutliveAsync(ArmedTime time, Member live)
    {
        time.Advance(TimeSpan.FromSeconds(40));
        await live.BarrierAsync();
        time.Advance(TimeSpan.FromSeconds(26));
        await time.ArmedAsync(TimeSpan.FromSeconds(1));
        time.Advance(TimeSpan.FromSeconds(1));
        var diff = await live.Socket.EventAsync("presence_diff");
        Assert.That(diff.Payload!["leaves"]!.AsObject(), Has.Count.EqualTo(1));
    }
}

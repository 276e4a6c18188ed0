using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

// Faults hit every socket of an emulator, so these tests have one of their own and take turns.
[Parallelizable(ParallelScope.Self)]
public sealed class FaultTests
{
    private CampfireEmulator _emulator = null!;

    [OneTimeSetUp]
    public async Task Start() => _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });

    [OneTimeTearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    [Test]
    public async Task Lost_broadcasts_reach_nobody()
    {
        var (socket, topic, joinRef) = await JoinAsync();
        await using var disposing = socket;

        _emulator.Faults.LoseNextBroadcasts(2);
        await BroadcastAsync(socket, topic, joinRef, 4);

        Assert.That(await ReceivedAsync(socket, topic, joinRef), Is.EqualTo(new[] { 3, 4 }));
        Assert.That(KindsFor(topic), Is.EqualTo(new[] { EmulatorFaultKind.BroadcastLost, EmulatorFaultKind.BroadcastLost }));
    }

    [Test]
    public async Task Duplicated_broadcasts_arrive_twice()
    {
        var (socket, topic, joinRef) = await JoinAsync();
        await using var disposing = socket;

        _emulator.Faults.DuplicateNextBroadcasts(1);
        await BroadcastAsync(socket, topic, joinRef, 2);

        Assert.That(await ReceivedAsync(socket, topic, joinRef), Is.EqualTo(new[] { 1, 1, 2 }));
        Assert.That(KindsFor(topic), Is.EqualTo(new[] { EmulatorFaultKind.BroadcastDuplicated }));
    }

    [Test]
    public async Task Reordered_broadcasts_arrive_last_one_first()
    {
        var (socket, topic, joinRef) = await JoinAsync();
        await using var disposing = socket;

        _emulator.Faults.ReorderNextBroadcasts(3);
        await BroadcastAsync(socket, topic, joinRef, 4);

        Assert.That(await ReceivedAsync(socket, topic, joinRef), Is.EqualTo(new[] { 3, 2, 1, 4 }));
    }

    [Test]
    public async Task Dropped_connections_end_without_a_close_frame_and_are_refused_for_a_while()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await socket.JoinAsync("realtime:x");

        emulator.Faults.DropConnections(TimeSpan.FromMinutes(10));

        Assert.That(await socket.ClosedAsync(), Is.Null);
        Assert.ThrowsAsync<WebSocketException>(() => PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey));
        Assert.That(emulator.Faults.Injected.Select(fault => fault.Kind), Is.EqualTo(new[] { EmulatorFaultKind.ConnectionsDropped }));
    }

    [Test]
    public async Task A_closed_channel_leaves_the_socket_open()
    {
        var (socket, topic, joinRef) = await JoinAsync();
        await using var disposing = socket;

        _emulator.Faults.CloseChannel(topic);

        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((await socket.JoinAsync(topic)).Reply["status"]!.ToString(), Is.EqualTo("ok"));
        Assert.That(KindsFor(topic), Is.EqualTo(new[] { EmulatorFaultKind.ChannelClosed }));
    }

    [Test]
    public async Task Refused_joins_carry_the_given_reason()
    {
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);

        _emulator.Faults.RefuseJoins("InitializingProjectConnection: Realtime is initializing the project connection", 2);
        var answers = new List<string?>();
        for (var i = 0; i < 3; i++)
            answers.Add((string?)(await socket.JoinAsync($"realtime:{Guid.NewGuid()}")).Reply["response"]?["reason"]);

        Assert.That(answers, Is.EqualTo(new[]
        {
            "InitializingProjectConnection: Realtime is initializing the project connection",
            "InitializingProjectConnection: Realtime is initializing the project connection",
            null,
        }));
    }

    private async Task<(PlainSocket Socket, string Topic, string JoinRef)> JoinAsync()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":true}}""")!.AsObject());
        return (socket, topic, joinRef);
    }

    private static async Task BroadcastAsync(PlainSocket socket, string topic, string joinRef, int count)
    {
        for (var i = 1; i <= count; i++)
            await socket.PushAsync(topic, "broadcast", new JsonObject { ["n"] = i }, joinRef);
    }

    private static async Task<int[]> ReceivedAsync(PlainSocket socket, string topic, string joinRef)
    {
        await socket.BarrierAsync(topic, joinRef);
        return [.. socket.Unread.Where(frame => frame.Event == "broadcast").Select(frame => (int)frame.Payload!["n"]!)];
    }

    private IEnumerable<EmulatorFaultKind> KindsFor(string topic) =>
        _emulator.Faults.Injected.Where(fault => topic == "realtime:" + fault.Topic).Select(fault => fault.Kind);
}

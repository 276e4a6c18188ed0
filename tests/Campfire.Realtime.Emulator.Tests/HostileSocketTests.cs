using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

// Sockets that join and never read. What they cost is measured in the whole process, so nothing else may run.
[NonParallelizable]
public sealed class HostileSocketTests
{
    private const int Sockets = 20;
    private const int QueuedFrames = 32;
    private const int FrameBytes = 400_000;
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Sockets_that_never_read_are_closed_and_give_their_memory_back_while_others_are_served()
    {
        using var log = new LogCollector();
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false,
            Delays = EmulatorDelays.Fast,
            // On a slow machine, the rate would end the flood first.
            Limits = new() { MaxQueuedFramesPerSocket = QueuedFrames, MaxEventsPerSecond = int.MaxValue, MaxJoinsPerSecond = int.MaxValue },
            LoggerFactory = log,
        });
        await using var sender = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var reader = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var config = JsonNode.Parse("""{"broadcast":{"ack":true}}""")!.AsObject();
        var (joinRef, _) = await sender.JoinAsync("realtime:flood", config);
        // The first round fills the pools of the runtime, which keep what they have.
        await FloodSilentSocketsAsync(emulator, log, sender, joinRef);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await FloodSilentSocketsAsync(emulator, log, sender, joinRef);
        await FloodSilentSocketsAsync(emulator, log, sender, joinRef);

        Assert.That(Dropped(log), Is.EqualTo(3 * Sockets), "each of them is told of, once");
        Assert.That((string?)(await reader.JoinAsync("realtime:flood")).Reply["status"], Is.EqualTo("ok"));
        await sender.PushAsync("realtime:flood", "broadcast", new JsonObject { ["event"] = "after" }, joinRef);
        Assert.That((string?)(await reader.EventAsync("broadcast")).Payload!["event"], Is.EqualTo("after"));
        // The pools grow a little still; two rounds' frames, held by anybody, would be 25 MB and more.
        Assert.That(() => GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(QueuedFrames * FrameBytes * 3 / 2).After(10_000, 100));
    }

    [Test]
    public async Task A_socket_that_says_goodbye_and_never_reads_gives_its_place_free()
    {
        using var log = new LogCollector();
        await using var emulator = await CampfireEmulator.StartAsync(new()
        {
            ApplyMigrations = false,
            Delays = EmulatorDelays.Fast,
            Limits = new() { MaxConcurrentUsers = 2, MaxEventsPerSecond = int.MaxValue, MaxJoinsPerSecond = int.MaxValue },
            LoggerFactory = log,
        });
        await using var sender = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var third = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await sender.JoinAsync("realtime:flood", JsonNode.Parse("""{"broadcast":{"ack":true}}""")!.AsObject());
        using var silent = await JoinSilentlyAsync(emulator);
        var left = 2 * Sockets;
        await FloodAsync(sender, joinRef, () => left-- == 0);

        await silent.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        using var deadline = new CancellationTokenSource(_deadline);
        while ((string?)(await third.JoinAsync("realtime:other")).Reply["status"] != "ok")
            deadline.Token.ThrowIfCancellationRequested();
    }

    private static async Task FloodSilentSocketsAsync(CampfireEmulator emulator, LogCollector log, PlainSocket sender, string joinRef)
    {
        var target = Dropped(log) + Sockets;
        var silent = new List<ClientWebSocket>();
        try
        {
            for (var i = 0; i < Sockets; i++)
                silent.Add(await JoinSilentlyAsync(emulator));
            await FloodAsync(sender, joinRef, () => Dropped(log) == target);
        }
        finally
        {
            silent.ForEach(socket => socket.Dispose());
        }
    }

    // The sender gets an acknowledgement for each, so that its own queue does not fill.
    private static async Task FloodAsync(PlainSocket sender, string joinRef, Func<bool> isDone)
    {
        using var deadline = new CancellationTokenSource(_deadline);
        var text = new string('x', FrameBytes);
        while (!isDone())
        {
            deadline.Token.ThrowIfCancellationRequested();
            var push = await sender.PushAsync("realtime:flood", "broadcast", new JsonObject { ["event"] = "flood", ["payload"] = text }, joinRef);
            await sender.ReceiveAsync(frame => frame.Event == "phx_reply" && frame.Ref == push, _deadline);
        }
    }

    private static int Dropped(LogCollector log) => log.Entries.Count(entry => entry.Id == 3020);

    private static async Task<ClientWebSocket> JoinSilentlyAsync(CampfireEmulator emulator)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{emulator.Url.Authority}/realtime/v1/websocket?apikey={emulator.AnonKey}&vsn=2.0.0"), CancellationToken.None);
        await socket.SendAsync("""["1","1","realtime:flood","phx_join",{"config":{}}]"""u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        // It reads the reply, so that it has joined, and nothing ever after.
        var reply = new byte[4096];
        var received = await socket.ReceiveAsync(reply, CancellationToken.None);
        Assert.That(Encoding.UTF8.GetString(reply, 0, received.Count), Does.Contain("phx_reply"));
        return socket;
    }
}

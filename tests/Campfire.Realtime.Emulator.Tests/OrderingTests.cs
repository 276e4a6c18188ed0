using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// What must hold however threads meet: one order for all members, every message at most once, nothing behind the end.
[Parallelizable(ParallelScope.Self)]
public sealed class OrderingTests
{
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(60);

    private CampfireEmulator _emulator = null!;

    [OneTimeSetUp]
    public async Task Start() => _emulator = await CampfireEmulator.StartAsync(new()
    {
        ApplyMigrations = false,
        Delays = EmulatorDelays.Fast,
        Limits = new() { MaxClientPresenceEventsPerWindow = int.MaxValue, MaxEventsPerSecond = int.MaxValue, MaxPresenceEventsPerSecond = int.MaxValue },
    });

    [OneTimeTearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    [Test]
    public async Task Members_hear_concurrent_senders_in_one_order_and_each_message_once()
    {
        const int Senders = 8, Messages = 150;
        await using var first = await ConnectAsync();
        await using var second = await ConnectAsync();
        await first.JoinAsync("realtime:order");

        var awaited = Senders;
        var joined = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sending = Task.WhenAll(Enumerable.Range(0, Senders).Select(async sender =>
        {
            await using var socket = await ConnectAsync();
            var (joinRef, _) = await socket.JoinAsync("realtime:order", JsonNode.Parse("""{"broadcast":{"self":true}}""")!.AsObject());
            if (Interlocked.Decrement(ref awaited) == 0)
                joined.SetResult();
            await ready.Task;
            for (var n = 0; n < Messages; n++)
                await socket.PushAsync("realtime:order", "broadcast", new JsonObject { ["sender"] = sender, ["n"] = n }, joinRef);
            await socket.BarrierAsync("realtime:order", joinRef);
        }));
        // The two that are compared are the first and the last member, with all the senders between them.
        await joined.Task;
        await second.JoinAsync("realtime:order");
        ready.SetResult();
        await sending;

        var (heard, alsoHeard) = (await HearAsync(first), await HearAsync(second));
        Assert.That(alsoHeard, Is.EqualTo(heard));
        for (var sender = 0; sender < Senders; sender++)
            Assert.That(heard.Where(message => message.Sender == sender).Select(message => message.N), Is.EqualTo(Enumerable.Range(0, Messages)));

        static async Task<List<(int Sender, int N)>> HearAsync(PlainSocket socket)
        {
            var messages = new List<(int Sender, int N)>();
            while (messages.Count < Senders * Messages)
            {
                var payload = (await socket.ReceiveAsync(frame => frame.Event == "broadcast", _deadline)).Payload!;
                messages.Add(((int)payload["sender"]!, (int)payload["n"]!));
            }
            return messages;
        }
    }

    [Test]
    public async Task No_instance_of_a_channel_hears_a_row_twice_however_replay_and_stream_meet()
    {
        var since = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds();
        var config = new JsonObject { ["private"] = true, ["broadcast"] = new JsonObject { ["replay"] = new JsonObject { ["since"] = since } } };
        await using var socket = await ConnectAsync();
        await socket.JoinAsync("realtime:rows", config.DeepClone().AsObject(), _emulator.ServiceKey);

        var writing = WriteAsync();
        while (!writing.IsCompleted)
            await socket.JoinAsync("realtime:rows", config.DeepClone().AsObject(), _emulator.ServiceKey);
        await writing;
        var (_, last) = await socket.JoinAsync("realtime:rows", config, _emulator.ServiceKey);
        await socket.BarrierAsync("realtime:rows");

        Assert.That((string?)last["status"], Is.EqualTo("ok"));
        // Every instance but the first says with its first frame, the end of the one before, that it has begun.
        var heard = new HashSet<string>();
        var rows = 0;
        foreach (var frame in socket.Unread)
        {
            if (frame.Event == "phx_close")
                heard.Clear();
            else if (IdOf(frame) is { } id)
            {
                rows++;
                Assert.That(heard.Add(id), Is.True, $"{id} came twice");
            }
        }
        Assert.That(rows, Is.GreaterThan(400));

        async Task WriteAsync()
        {
            await using var connection = new NpgsqlConnection(_emulator.ConnectionString);
            await connection.OpenAsync();
            for (var i = 0; i < 400; i++)
            {
                await using var command = new NpgsqlCommand("select realtime.send('{}', 'row', 'rows', true)", connection);
                await command.ExecuteNonQueryAsync();
            }
        }
    }

    [Test]
    public async Task Diffs_of_concurrent_presences_add_up_to_the_state_that_a_newcomer_is_given()
    {
        await using var watcher = await ConnectAsync();
        await watcher.JoinAsync("realtime:crowd", Presence("watcher"));
        await watcher.EventAsync("presence_state");
        var sockets = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ConnectAsync()));
        try
        {
            await Task.WhenAll(sockets.Select(WanderAsync));
            await using var newcomer = await ConnectAsync();
            var (newcomerRef, _) = await newcomer.JoinAsync("realtime:crowd", Presence("newcomer"));
            var state = (await newcomer.EventAsync("presence_state")).Payload!.AsObject();
            await newcomer.PushAsync("realtime:crowd", "presence", Track(0), newcomerRef);
            await watcher.ReceiveAsync(frame => frame.Event == "presence_diff" && frame.Payload!["joins"]!["newcomer"] is not null, _deadline);

            Assert.That(AddUp(watcher.Unread), Is.EquivalentTo(ReferencesIn(state)));
        }
        finally
        {
            foreach (var socket in sockets)
                await socket.DisposeAsync();
        }

        // Tracks, untracks and joins anew, in whatever order its seed says, and is present in the end or not.
        static async Task WanderAsync(PlainSocket socket, int seed)
        {
            var random = new Random(seed);
            var key = (seed % 3).ToString(CultureInfo.InvariantCulture);
            var (joinRef, _) = await socket.JoinAsync("realtime:crowd", Presence(key));
            for (var step = 0; step < 200; step++)
            {
                if (random.Next(6) == 0)
                    (joinRef, _) = await socket.JoinAsync("realtime:crowd", Presence(key));
                await socket.PushAsync("realtime:crowd", "presence", random.Next(4) == 0 ? new JsonObject { ["event"] = "untrack" } : Track(random.Next(3)), joinRef);
            }
            await socket.BarrierAsync("realtime:crowd", joinRef);
        }

        static HashSet<string> AddUp(IEnumerable<PlainFrame> frames)
        {
            var present = new HashSet<string>();
            foreach (var diff in frames.Where(frame => frame.Event == "presence_diff").Select(frame => frame.Payload!))
            {
                foreach (var joined in ReferencesIn(diff["joins"]!))
                    Assert.That(present.Add(joined), Is.True, "nobody joins twice");
                foreach (var left in ReferencesIn(diff["leaves"]!))
                    Assert.That(present.Remove(left), Is.True, "nobody leaves who has not joined");
            }
            return present;
        }
    }

    [Test]
    public async Task Nothing_of_a_channel_is_heard_behind_its_end_whoever_ends_it()
    {
        var config = JsonNode.Parse("""{"broadcast":{"ack":true,"self":true},"presence":{"enabled":true}}""")!;
        for (var round = 0; round < 50; round++)
        {
            await using var socket = await ConnectAsync();
            var topic = $"realtime:ending:{round}";
            var (joinRef, _) = await socket.JoinAsync(topic, config.DeepClone().AsObject());
            var first = await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
            for (var i = 0; i < 10; i++)
            {
                await socket.PushAsync(topic, "broadcast", new JsonObject(), joinRef);
                await socket.PushAsync(topic, "presence", Track(i), joinRef);
            }
            await socket.ReplyToAsync(first);
            _emulator.Faults.CloseChannel(topic);
            await socket.ReplyToAsync(await socket.PushAsync("phoenix", "heartbeat", null));

            var behind = socket.Unread.Where(frame => frame.Topic == topic).SkipWhile(frame => frame.Event != "phx_close").Skip(1).ToList();
            Assert.That(socket.Unread.Any(frame => frame.Event == "phx_close" && frame.JoinRef == joinRef), Is.True);
            Assert.That(behind.Where(frame => frame.JoinRef is not null || frame.Event != "phx_reply"), Is.Empty);
        }
    }

    private Task<PlainSocket> ConnectAsync() => PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);

    private static JsonObject Presence(string key) => new() { ["presence"] = new JsonObject { ["enabled"] = true, ["key"] = key } };

    private static JsonObject Track(int n) => new() { ["event"] = "track", ["payload"] = new JsonObject { ["n"] = n } };

    private static IEnumerable<string> ReferencesIn(JsonNode presences) =>
        presences.AsObject().SelectMany(pair => pair.Value!["metas"]!.AsArray()).Select(meta => (string)meta!["phx_ref"]!);

    // Of a row, replayed or live, as text or not.
    private static string? IdOf(PlainFrame frame)
    {
        if (frame.Event == "broadcast")
            return (string?)frame.Payload!["meta"]!["id"];
        if (!frame.IsBinary)
            return null;
        var metadata = Encoding.UTF8.GetString(frame.Bytes, 5 + frame.Bytes[1] + frame.Bytes[2], frame.Bytes[3]);
        return (string?)JsonNode.Parse(metadata)!["id"];
    }
}

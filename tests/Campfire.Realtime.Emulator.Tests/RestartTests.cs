using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RestartTests
{
    [Test]
    public async Task Point_71_each_topic_is_told_of_a_restart_before_its_socket_closes_with_1012()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var old = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey, "1.0.0");
        await using var idle = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await socket.JoinAsync("realtime:a");
        await socket.JoinAsync("realtime:b", JsonNode.Parse("""{"presence":{"enabled":true}}""")!.AsObject());
        await socket.EventAsync("presence_state");
        await old.JoinAsync("realtime:a");

        emulator.Faults.RestartRealtime();

        int?[] codes = [await socket.ClosedAsync(), await old.ClosedAsync(), await idle.ClosedAsync()];
        Assert.That(codes, Is.All.EqualTo(1012));
        Assert.That(socket.Unread.Select(frame => frame.Text), Is.EquivalentTo(new[]
        {
            """[null,null,"realtime:a","system",{"message":"Server requested disconnect","status":"ok","extension":"system"}]""",
            """[null,null,"realtime:b","system",{"message":"Server requested disconnect","status":"ok","extension":"system"}]""",
        }));
        Assert.That(old.Unread.Select(frame => frame.Event), Is.EqualTo(new[] { "system" }));
        Assert.That(idle.Unread, Is.Empty);
        Assert.That(emulator.Faults.Injected.Select(fault => fault.Kind), Is.EqualTo(new[] { EmulatorFaultKind.RealtimeRestarted }));
    }

    [Test]
    public async Task After_a_restart_sockets_are_accepted_and_nobody_is_present()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        await using var before = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await before.JoinAsync("realtime:a");
        await before.ReplyToAsync(await before.PushAsync("realtime:a", "presence", JsonNode.Parse("""{"event":"track"}"""), joinRef));

        emulator.Faults.RestartRealtime();
        await before.ClosedAsync();
        await using var after = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await after.JoinAsync("realtime:a", JsonNode.Parse("""{"presence":{"enabled":true}}""")!.AsObject());

        // The old socket's presence ends with it, as a diff behind the state when it ends late.
        var state = (await after.EventAsync("presence_state")).Payload!.AsObject();
        if (state.Count > 0)
            Assert.That((await after.EventAsync("presence_diff")).Payload!["leaves"]!.AsObject(), Has.Count.EqualTo(1));
    }
}

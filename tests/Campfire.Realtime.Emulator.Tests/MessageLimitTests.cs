using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class MessageLimitTests
{
    private static JsonNode Untrack => JsonNode.Parse("""{"event":"untrack"}""")!;

    [Test]
    public async Task Point_44_the_size_of_a_payload_is_limited_in_units_of_1000_bytes_and_500_to_spare()
    {
        await using var emulator = await StartAsync(new() { MaxPayloadSizeInKilobytes = 1 });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a", JsonNode.Parse("""{"broadcast":{"ack":true}}""")!.AsObject());

        var fitting = await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "broadcast", new JsonObject { ["x"] = new string('x', 1492) }, joinRef));
        var tooLarge = await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "broadcast", new JsonObject { ["x"] = new string('x', 1493) }, joinRef));

        Assert.That((string?)fitting.Payload!["status"], Is.EqualTo("ok"));
        Assert.That((string?)tooLarge.Payload!["response"], Is.EqualTo("payload_size_exceeded"));
    }

    [Test]
    public async Task Point_54_a_track_that_is_too_large_closes_the_channel()
    {
        await using var emulator = await StartAsync(new() { MaxPayloadSizeInKilobytes = 1 });
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a");

        await socket.PushAsync("realtime:a", "presence", new JsonObject { ["event"] = "track", ["payload"] = new JsonObject { ["x"] = new string('x', 2000) } }, joinRef);

        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo("Track message size exceeded"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
    }

    [Test]
    public async Task Point_55_a_window_begins_with_its_first_call_and_ends_as_a_whole()
    {
        var time = new ShiftedTime();
        await using var emulator = await StartAsync(new(), time);
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:a");

        await CallAsync(1);
        time.Shift = TimeSpan.FromSeconds(20);
        await CallAsync(4);
        time.Shift = TimeSpan.FromSeconds(40);
        await CallAsync(5);
        await socket.PushAsync("realtime:a", "presence", Untrack, joinRef);

        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo("Client presence rate limit exceeded"));

        async Task CallAsync(int times)
        {
            for (var i = 0; i < times; i++)
                await socket.ReplyToAsync(await socket.PushAsync("realtime:a", "presence", Untrack, joinRef));
        }
    }

    // What does not fit the one-byte length of an event's name, Realtime fails to encode for version 2, and only for it.
    [Test]
    public async Task Point_73_a_name_that_fits_no_kind_4_is_told_as_an_error_when_a_member_of_version_2_is_there()
    {
        await using var emulator = await StartAsync(new());
        using var http = new HttpClient { BaseAddress = emulator.Url };
        http.DefaultRequestHeaders.Add("apikey", emulator.AnonKey);
        await using var old = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey, "1.0.0");
        await using var member = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var name = new string('e', 256);
        await old.JoinAsync("realtime:a");

        using var toOld = await http.PostAsJsonAsync($"/realtime/v1/api/broadcast/a/events/{name}", new { });
        await member.JoinAsync("realtime:a");
        using var toMember = await http.PostAsJsonAsync($"/realtime/v1/api/broadcast/a/events/{name}", new { });

        Assert.That(((int)toOld.StatusCode, (int)toMember.StatusCode), Is.EqualTo((202, 500)));
        Assert.That((string?)(await old.EventAsync("broadcast")).Payload!["event"], Is.EqualTo(name));
    }

    private static Task<CampfireEmulator> StartAsync(EmulatorLimits limits, TimeProvider? time = null) => CampfireEmulator.StartAsync(
        new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, Limits = limits, TimeProvider = time ?? TimeProvider.System });

    private sealed class ShiftedTime : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
    }
}

using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Presence;

public sealed class PresenceTests
{
    private const string Ok = """{"status":"ok","response":{}}""";

    [Test]
    public async Task Untrack_after_a_track_that_was_never_answered_is_sent()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await TrackWithoutAnAnswerAsync(world, socket, conversation, "n");

        Task untracking = conversation.Presence.UntrackAsync();
        SentFrame sent = await socket.SentAsync("presence");
        socket.Reply(sent, Ok);

        await untracking.InTime();
        Assert.That((string?)sent.Payload!["event"], Is.EqualTo("untrack"));
    }

    [Test]
    public async Task Track_of_what_was_shown_before_a_change_that_was_never_answered_is_sent()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        var away = new PresenceDetails { Name = "a", Status = "away" };
        Task first = conversation.Presence.TrackAsync(away);
        socket.Reply(await socket.SentAsync("presence"), Ok);
        await first.InTime();
        await TrackWithoutAnAnswerAsync(world, socket, conversation, "b");

        Task again = conversation.Presence.TrackAsync(away);
        SentFrame sent = await socket.SentAsync("presence");
        socket.Reply(sent, Ok);

        await again.InTime();
        Assert.That((string?)sent.Payload!["payload"]!["status"], Is.EqualTo("away"));
    }

    [Test]
    public async Task Untrack_after_a_refused_track_sends_nothing()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n" });
        socket.Reply(await socket.SentAsync("presence"), """{"status":"error","response":{"reason":"no"}}""");
        Assert.ThrowsAsync<CampfireException>(() => tracking.InTime());

        await conversation.Presence.UntrackAsync().InTime();

        Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("presence"));
    }

    [Test]
    public async Task Presence_that_waits_for_the_quota_of_a_lost_membership_is_shown_on_the_next_one_at_once()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        for (int i = 1; i <= 5; i++)
        {
            Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = $"n{i}" });
            socket.Reply(await socket.SentAsync("presence"), Ok);
            await tracking.InTime();
        }

        Task sixth = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n6" });
        await world.Time.ArmedAsync(TimeSpan.FromSeconds(31));
        (ScriptedSocket second, SentFrame shown) = await ShownAfterBreakAsync(world, socket);
        second.Reply(shown, Ok);

        await sixth.InTime();
        Assert.That((string?)shown.Payload!["payload"]!["name"], Is.EqualTo("n6"));
    }

    [Test]
    public async Task Push_on_a_closed_channel_does_not_hold_up_the_presence_of_the_next_membership()
    {
        await using var world = new World(options => options.JoinTimeout = TimeSpan.FromMinutes(30));
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n" });
        await socket.SentAsync("presence");

        socket.CloseChannel(join);
        Task<SentFrame> rejoin = socket.SentAsync("phx_join");
        await world.Time.PassUntilAsync(rejoin, TimeSpan.FromMilliseconds(20));
        SentFrame shown = await socket.SentAsync("presence");
        socket.Reply(shown, Ok);

        await tracking.InTime();
        Assert.That(shown.JoinRef, Is.EqualTo((await rejoin).JoinRef));
    }

    [Test]
    public async Task Presence_is_shown_on_every_membership_of_a_flapping_network()
    {
        await using var world = new World(options => options.JoinTimeout = TimeSpan.FromMinutes(30));
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        Task first = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n" });
        await socket.SentAsync("presence");

        // Each network goes before the server has answered.
        SentFrame? shown = null;
        for (int i = 0; i < 8; i++)
            (socket, shown) = await ShownAfterBreakAsync(world, socket);
        socket.Reply(shown!, Ok);

        await first.InTime();
        Task untracking = conversation.Presence.UntrackAsync();
        SentFrame sent = await socket.SentAsync("presence");
        socket.Reply(sent, Ok);
        await untracking.InTime();
        Assert.That((string?)sent.Payload!["event"], Is.EqualTo("untrack"));
    }

    [Test]
    public async Task Track_on_a_channel_that_the_server_no_longer_knows_is_shown_on_the_next_membership()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n" });

        socket.Reply(await socket.SentAsync("presence"), """{"status":"error","response":{"reason":"unmatched topic"}}""");
        Task<SentFrame> rejoin = socket.SentAsync("phx_join");
        await world.Time.PassUntilAsync(rejoin, TimeSpan.FromMilliseconds(20));
        SentFrame shown = await socket.SentAsync("presence");
        socket.Reply(shown, Ok);

        await tracking.InTime();
        Assert.That((string?)shown.Payload!["payload"]!["name"], Is.EqualTo("n"));
    }

    [Test]
    public async Task Caller_that_blocks_when_its_membership_is_lost_does_not_hold_up_the_rejoin()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        using var released = new ManualResetEventSlim();
        Task caller = Task.Run(async () =>
        {
            await conversation.Presence.TrackAsync(new PresenceDetails { Name = "n" });
            released.Wait();
        });
        await socket.SentAsync("presence");
        try
        {
            socket.CloseChannel(join);

            await world.Time.PassUntilAsync(socket.SentAsync("phx_join"), TimeSpan.FromMilliseconds(20));
        }
        finally
        {
            released.Set();
        }

        await caller.InTime();
    }

    private static async Task TrackWithoutAnAnswerAsync(World world, ScriptedSocket socket, Conversation conversation, string name)
    {
        Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = name });
        await socket.SentAsync("presence");
        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(tracking, TimeSpan.FromSeconds(1)));
        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.Timeout));
    }

    // No more time passes than the reconnect takes.
    private static async Task<(ScriptedSocket Socket, SentFrame Shown)> ShownAfterBreakAsync(World world, ScriptedSocket socket)
    {
        socket.Break();
        Task<ScriptedSocket> next = world.Server.NextSocketAsync();
        ScriptedSocket second = await world.Time.PassUntilAsync(next, TimeSpan.FromMilliseconds(20));
        Task<SentFrame> rejoin = second.SentAsync("phx_join");
        await world.Time.PassUntilAsync(rejoin, TimeSpan.FromMilliseconds(20));
        return (second, await second.SentAsync("presence"));
    }
}

using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Budget;

public sealed class PresenceQuotaTests
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(31);

    [Test]
    public async Task Sixth_change_within_the_window_waits_and_of_several_the_last_one_is_sent()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        for (int i = 1; i <= 5; i++)
            await TrackAsync(conversation, socket, $"n{i}");

        Task sixth = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n6" });
        await world.Time.ArmedAsync(Window);
        Task seventh = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n7" });
        Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("presence"));
        world.Time.Advance(Window);
        SentFrame sent = await socket.SentAsync("presence");
        socket.Reply(sent, """{"status":"ok","response":{}}""");

        await Task.WhenAll(sixth, seventh).InTime();
        Assert.That((string?)sent.Payload!["payload"]!["name"], Is.EqualTo("n7"));
        Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("presence"));
    }

    [Test]
    public async Task Same_presence_is_not_sent_again()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        var details = new PresenceDetails { Name = "n" };
        Task first = conversation.Presence.TrackAsync(details);
        socket.Reply(await socket.SentAsync("presence"), """{"status":"ok","response":{}}""");
        await first.InTime();

        await conversation.Presence.TrackAsync(details).InTime();

        Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("presence"));
    }

    [Test]
    public async Task Caller_that_gives_up_waiting_is_shown_all_the_same()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        for (int i = 1; i <= 5; i++)
            await TrackAsync(conversation, socket, $"n{i}");
        using var giveUp = new CancellationTokenSource();
        Task sixth = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n6" }, giveUp.Token);
        await world.Time.ArmedAsync(Window);

        await giveUp.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => sixth.InTime());
        world.Time.Advance(Window);

        Assert.That((string?)(await socket.SentAsync("presence")).Payload!["payload"]!["name"], Is.EqualTo("n6"));
    }

    [Test]
    public async Task New_membership_begins_with_a_full_quota_and_the_last_presence()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        for (int i = 1; i <= 5; i++)
            await TrackAsync(conversation, socket, $"n{i}");
        Task sixth = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n6" });
        await world.Time.ArmedAsync(Window);

        socket.CloseChannel(join);
        Task<SentFrame> again = socket.SentAsync("presence");
        await world.Time.PassUntilAsync(again, TimeSpan.FromMilliseconds(100));
        socket.Reply(await again, """{"status":"ok","response":{}}""");

        Assert.That((string?)(await again).Payload!["payload"]!["name"], Is.EqualTo("n6"));
        await world.Time.PassUntilAsync(sixth, TimeSpan.FromSeconds(1)).InTime();
    }

    [Test]
    public async Task Leaving_does_not_wait_for_the_quota()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame _) = await world.JoinedAsync();
        for (int i = 1; i <= 5; i++)
            await TrackAsync(conversation, socket, $"n{i}");
        Task sixth = conversation.Presence.TrackAsync(new PresenceDetails { Name = "n6" });
        await world.Time.ArmedAsync(Window);

        await conversation.DisposeAsync().InTime();

        await sixth.InTime();
    }

    private static async Task TrackAsync(Conversation conversation, ScriptedSocket socket, string name)
    {
        Task tracking = conversation.Presence.TrackAsync(new PresenceDetails { Name = name });
        socket.Reply(await socket.SentAsync("presence"), """{"status":"ok","response":{}}""");
        await tracking.InTime();
    }
}

using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Channels;

public sealed class MembershipTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    [Test]
    public async Task Reconnect_joins_again_with_a_new_token_and_a_new_join_ref()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, $"user-{Interlocked.Increment(ref asked)}")));
        (ScriptedSocket first, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        first.Break();
        await world.RetryAsync();
        ScriptedSocket second = await world.Server.NextSocketAsync();
        SentFrame rejoin = await second.SentAsync("phx_join");

        Assert.Multiple(() =>
        {
            Assert.That((string?)rejoin.Payload!["access_token"], Is.Not.EqualTo((string?)join.Payload!["access_token"]));
            Assert.That(rejoin.Topic, Is.EqualTo(join.Topic));
        });
        await LiveAsync(conversation, world, second, rejoin);
    }

    [Test]
    public async Task What_happened_while_disconnected_comes_from_the_log()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        socket.Break();
        for (int i = 0; i < 1203; i++)
            world.Database.Store();

        await world.RetryAsync();

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(1203);
        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 1203).Select(i => (long)i)));
    }

    [Test]
    public async Task Close_of_an_earlier_membership_is_not_taken_for_this_one()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.CloseChannel(join with { JoinRef = "999" });
        socket.Push("999", join.Topic, "phx_error", "{}", "999");

        await LiveAsync(conversation, world, socket, join);
        Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("phx_join"));
    }

    [TestCase(null)]
    [TestCase("Query was cancelled, please try again")]
    public async Task Close_without_a_lasting_reason_is_followed_by_a_new_join(string? message)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        if (message is not null)
            socket.SystemError(join, message);
        socket.CloseChannel(join);

        await RejoinedAsync(conversation, world, socket, join);
    }

    [Test]
    public async Task Crash_of_the_channel_is_followed_by_a_new_join()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.Push(join.JoinRef, join.Topic, "phx_error", """{"reason":"channel_crash"}""", join.JoinRef);

        await RejoinedAsync(conversation, world, socket, join);
    }

    [Test]
    public async Task Server_that_no_longer_knows_the_channel_is_joined_again()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.Push(null, join.Topic, "phx_reply", """{"status":"error","response":{"reason":"unmatched topic"}}""", "4711");

        await RejoinedAsync(conversation, world, socket, join);
    }

    [Test]
    public async Task Close_for_an_expired_token_is_followed_by_a_join_with_a_new_one_at_once()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, $"user-{Interlocked.Increment(ref asked)}")));
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.SystemError(join, "Token has expired 1 seconds ago");
        socket.CloseChannel(join);
        SentFrame rejoin = await socket.SentAsync("phx_join");

        Assert.That((string?)rejoin.Payload!["access_token"], Is.Not.EqualTo((string?)join.Payload!["access_token"]));
        await LiveAsync(conversation, world, socket, rejoin);
    }

    [TestCase("Too many messages per second")]
    [TestCase("Client presence rate limit exceeded")]
    public async Task Close_for_a_limit_waits_five_seconds_and_more(string message)
    {
        await using var world = new World(options => options.PollAfter = TimeSpan.FromHours(1));
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        world.Time.ForgetArmed();

        socket.SystemError(join, message);
        socket.CloseChannel(join);

        TimeSpan wait = await world.Time.ArmedAsync(due => due is { TotalSeconds: >= 5 and <= 60 } && due != CampfireClientOptions.DefaultReplyTimeout);
        world.Time.Advance(wait + TimeSpan.FromMilliseconds(1));
        await LiveAsync(conversation, world, socket, await socket.SentAsync("phx_join"));
    }

    [TestCase("You no longer have permission to read from this Channel topic: x")]
    [TestCase("You do not have permissions to read from this Channel topic: x")]
    public async Task Close_for_a_lost_right_ends_every_stream_with_the_reason(string message)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await using IAsyncEnumerator<IReadOnlyList<PresentParticipant>> present = conversation.Presence.WatchAsync().GetAsyncEnumerator();
        await present.NextAsync();

        socket.SystemError(join, message);
        socket.CloseChannel(join);

        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => events.MoveNextAsync().InTime());
        Assert.ThrowsAsync<CampfireException>(() => present.MoveNextAsync().InTime());
        Assert.Multiple(() =>
        {
            Assert.That(end!.Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
            Assert.That(end.ServerReason, Is.EqualTo(message));
            Assert.That(conversation.IsLive, Is.False);
        });
    }

    [Test]
    public async Task Log_that_may_no_longer_be_read_ends_the_stream_and_the_reading()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Error(System.Net.HttpStatusCode.NotFound, "campfire_not_found"));
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<bool> reading = events.MoveNextAsync().InTime();

        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(10)));

        Assert.That(end!.Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
    }

    [Test]
    public async Task Channel_that_is_agreed_to_and_closed_at_once_is_not_joined_in_a_tight_loop()
    {
        await using var world = new World(options => options.ReconnectMaxDelay = TimeSpan.FromHours(1));
        (ScriptedSocket socket, _, SentFrame join) = await world.JoinedAsync();
        DateTimeOffset start = world.Time.GetUtcNow();
        for (int i = 0; i < 8; i++)
        {
            socket.CloseChannel(join);
            Task<SentFrame> next = socket.SentAsync("phx_join");
            await world.Time.PassUntilAsync(next, Step);
            join = await next;
        }

        // With the first delay each time it would be at most 4 s.
        Assert.That(world.Time.GetUtcNow() - start, Is.GreaterThan(TimeSpan.FromSeconds(5)));
    }

    [Test]
    public async Task Unknown_events_and_unreadable_ones_do_not_stop_the_stream()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.Push(null, join.Topic, "postgres_changes", "{}");
        socket.Push(join.JoinRef, join.Topic, "system", "[1]");
        socket.Push(null, join.Topic, "broadcast", "7");
        socket.Push(join.JoinRef, join.Topic, "presence_state", "[]");
        socket.Push(null, join.Topic, "presence_diff", """{"joins":[],"leaves":7}""");
        socket.Broadcast(join.Topic, "order:shipped", """{"no":"sequence"}""");
        socket.Broadcast(join.Topic, "message:created", "[]");
        socket.Broadcast(join.Topic, "read:receipt", "{}");

        await LiveAsync(conversation, world, socket, join);
    }

    [Test]
    public async Task Unreadable_newest_event_is_read_from_the_log_within_a_second()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        world.Database.Store();
        DateTimeOffset sent = world.Time.GetUtcNow();

        socket.Broadcast(join.Topic, "message:created", """{"half":""");
        Task<ConversationEvent> first = events.NextAsync();
        await world.Time.PassUntilAsync(first, TimeSpan.FromMilliseconds(100));

        // A second, and the steps that the test's clock takes before it is seen.
        Assert.That(world.Time.GetUtcNow() - sent, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    [Test]
    public async Task Unreadable_events_without_end_are_one_read_of_the_log_a_second()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await events.NextAsync();
        int before = world.Database.Calls("campfire_events");

        for (int burst = 0; burst < 20; burst++)
        {
            for (int i = 0; i < 20; i++)
                socket.Broadcast(join.Topic, "message:created", """{"half":""");

            // What comes behind them has been heard when this one has.
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());
            await events.NextAsync();
            world.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task Dispose_of_the_client_leaves_channels_and_ends_streams_without_an_error()
    {
        var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using BroadcastChannel channel = await world.Client.JoinChannelAsync(ChannelName.Organization(world.Database.OrganizationId)).InTime();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await using IAsyncEnumerator<ChannelBroadcast> broadcasts = channel.ReadAsync().GetAsyncEnumerator();
        await using IAsyncEnumerator<TypingChange> typing = conversation.Typing.ReadChangesAsync().GetAsyncEnumerator();
        Task<bool>[] readers = [events.MoveNextAsync().AsTask(), broadcasts.MoveNextAsync().AsTask(), typing.MoveNextAsync().AsTask()];
        for (int joins = 0; joins < 2; joins++)
            await socket.SentAsync("phx_join");

        await world.Client.DisposeAsync().InTime();

        Assert.That(await Task.WhenAll(readers).InTime(), Has.All.False);
        Assert.That(socket.TakeSent().Count(frame => frame.Event == "phx_leave"), Is.EqualTo(3));
        Assert.ThrowsAsync<ObjectDisposedException>(() => conversation.SendMessageAsync("late"));
    }

    [Test]
    public async Task Leaving_a_server_that_does_not_answer_takes_two_seconds_at_most()
    {
        await using var world = new World();
        world.Server.AnswersLeaves = false;
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();

        Task leaving = conversation.DisposeAsync().AsTask();
        await socket.SentAsync("phx_leave");
        await world.Time.PassAsync(TimeSpan.FromSeconds(2));

        await leaving.InTime();
    }

    [Test]
    public async Task Leaving_from_two_places_returns_to_both_when_the_conversation_can_be_joined_again()
    {
        await using var world = new World();
        world.Server.AnswersLeaves = false;
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();

        Task first = conversation.DisposeAsync().AsTask();
        await socket.SentAsync("phx_leave");
        Task second = conversation.DisposeAsync().AsTask();
        Assert.That(second.IsCompleted, Is.False);

        await world.Time.PassAsync(TimeSpan.FromSeconds(2));
        await Task.WhenAll(first, second).InTime();
        world.Server.AnswersLeaves = true;
        await world.JoinAsync();
    }

    [Test]
    public async Task Leaving_over_a_line_that_swallows_nothing_takes_two_seconds_at_most()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        socket.SendGate = new TaskCompletionSource().Task;
        world.Time.ForgetArmed();

        Task leaving = conversation.DisposeAsync().AsTask();
        await world.Time.PassAsync(TimeSpan.FromSeconds(2));

        await leaving.InTime();
    }

    private static async Task RejoinedAsync(Conversation conversation, World world, ScriptedSocket socket, SentFrame join)
    {
        Task<SentFrame> rejoin = socket.SentAsync("phx_join");
        await world.Time.PassUntilAsync(rejoin, Step);
        Assert.That((await rejoin).JoinRef, Is.Not.EqualTo(join.JoinRef));
        await LiveAsync(conversation, world, socket, await rejoin);
    }

    private static async Task LiveAsync(Conversation conversation, World world, ScriptedSocket socket, SentFrame join)
    {
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        socket.Broadcast(join.Topic, "message:created", world.Database.Store("live"));
        MessageCreated read;
        do
            read = (MessageCreated)await events.NextAsync();
        while (read.Content != "live");
    }
}

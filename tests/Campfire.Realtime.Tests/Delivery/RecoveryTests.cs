using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Delivery;

public sealed class RecoveryTests
{
    [Test]
    public async Task Lost_newest_event_is_found_by_the_comparison_with_the_log()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<ConversationEvent> reading = events.NextAsync();
        world.Database.Store();

        await world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(5));

        Assert.That(((StoredEvent)await reading).Sequence, Is.EqualTo(1));
    }

    [Test]
    public async Task Own_message_that_does_not_come_back_is_read_from_the_log_after_the_hold_time()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<ConversationEvent> reading = events.NextAsync();

        SentMessage sent = await conversation.SendMessageAsync("hello").InTime();
        await world.Time.PassUntilAsync(reading, TimeSpan.FromMilliseconds(150));

        Assert.That(((MessageCreated)await reading).Id, Is.EqualTo(sent.Id));
    }

    [Test]
    public async Task Own_message_comes_once_when_it_does_come_back()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();

        SentMessage sent = await conversation.SendMessageAsync("mine").InTime();
        socket.Broadcast(join.Topic, "message:created", world.Database.MessageJson(sent.Sequence, "mine"));
        socket.Broadcast(join.Topic, "message:created", world.Database.Store("theirs"));

        List<ConversationEvent> read = await events.TakeAsync(2);
        Assert.That(read.Cast<MessageCreated>().Select(e => e.Content), Is.EqualTo(new[] { "mine", "theirs" }));
    }

    [Test]
    public async Task What_the_log_no_longer_has_is_said_once()
    {
        await using var world = new World();
        for (int i = 0; i < 10; i++)
            world.Database.Store();
        for (long lost = 1; lost <= 4; lost++)
            world.Database.Forget(lost);
        world.Database.Forget(7);
        (_, Conversation conversation, _) = await world.JoinedAsync(resumeAfter: 0);

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(7);

        Assert.That(
            read.Select(e => e is HistoryGap gap ? $"{gap.First}-{gap.Last}" : $"{((StoredEvent)e).Sequence}"),
            Is.EqualTo(new[] { "1-4", "5", "6", "7-7", "8", "9", "10" }));
    }

    [Test]
    public async Task Pages_of_unreadable_rows_do_not_hide_what_is_behind_them()
    {
        await using var world = new World();
        for (int i = 0; i < 1100; i++)
            world.Database.StoreRaw("order:shipped", """{"no":"sequence"}""");
        world.Database.Store("behind");
        (_, Conversation conversation, _) = await world.JoinedAsync(resumeAfter: 0);

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        var gaps = new List<HistoryGap>();
        ConversationEvent last;
        while ((last = await events.NextAsync()) is HistoryGap gap)
            gaps.Add(gap);

        Assert.Multiple(() =>
        {
            Assert.That(((MessageCreated)last).Content, Is.EqualTo("behind"));
            Assert.That(gaps[0].First, Is.EqualTo(1));
            Assert.That(gaps[^1].Last, Is.EqualTo(1100));
        });
    }

    [Test]
    public async Task Log_that_says_more_and_leads_nowhere_is_not_read_for_ever()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Json("""{"events":[],"last_sequence":0,"has_more":true}"""));
        int before = world.Database.Calls("campfire_events");

        socket.Push(join.JoinRef, join.Topic, "system", """{"extension":"system","status":"ok","message":"Replication connection established","channel":"x"}""");
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await events.NextAsync();
        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThan(5));
    }

    [TestCase(600)]
    [TestCase(4000)]
    public async Task Message_with_deeply_nested_metadata_stops_nobody(int depth)
    {
        await using var world = new World();
        string nested = new string('[', depth) + new string(']', depth);
        world.Database.StoreRaw("message:created", world.Database.MessageJson(1).Replace("\"metadata\":null", $"\"metadata\":{nested}", StringComparison.Ordinal));
        world.Database.Store("behind");
        (_, Conversation conversation, _) = await world.JoinedAsync(resumeAfter: 0);

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(2);

        Assert.That(read.Select(e => e is StoredEvent stored ? stored.Sequence : -1), Is.EqualTo(new long[] { 1, 2 }));
    }

    [Test]
    public async Task Log_that_fails_for_a_while_is_read_again()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        int failures = 5;
        world.Database.OnCall = (_, _, _) => Task.FromResult(Interlocked.Decrement(ref failures) switch
        {
            >= 4 => throw new HttpRequestException("no route"),
            >= 3 => ScriptedDatabase.Error(HttpStatusCode.TooManyRequests, "campfire_rate_limited"),
            >= 2 => new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("<html>Welcome to Hotel WiFi</html>", null, "text/html") },
            >= 1 => new HttpResponseMessage(HttpStatusCode.BadGateway),
            >= 0 => ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST301"),
            _ => null,
        });
        world.Database.Store();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<List<ConversationEvent>> reading = events.TakeAsync(2);

        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await world.Time.PassUntilAsync(reading, TimeSpan.FromMilliseconds(50));

        Assert.That((await reading).Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(new long[] { 1, 2 }));
    }

    [Test]
    public async Task Messages_that_cannot_be_read_are_left_out_of_the_history()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        string good = world.Database.MessageJson(1), bad = good.Replace("\"visitor\"", "\"robot\"", StringComparison.Ordinal);
        world.Database.OnCall = (function, _, _) => Task.FromResult(
            function == "campfire_messages" ? ScriptedDatabase.Json($$"""{"messages":[{{bad}},{{good}},7],"has_more":false}""") : null);

        IReadOnlyList<MessageCreated> messages = await conversation.GetMessagesAsync().InTime();

        Assert.That(messages.Select(message => message.Sequence), Is.EqualTo(new long[] { 1 }));
    }

    [Test]
    public async Task Ten_thousand_missed_events_come_in_order_in_one_go()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        int before = world.Database.Calls("campfire_events");
        socket.Break();
        for (int i = 0; i < 10_000; i++)
            world.Database.Store();
        await world.RetryAsync();
        await world.Server.NextSocketAsync();

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(10_000);

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 10_000)));
        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThanOrEqualTo(10_000 / 500 + 3));
    }

    [Test]
    public async Task Live_events_do_not_wait_for_a_log_that_does_not_answer()
    {
        await using var world = new World();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, arguments, cancellationToken) =>
        {
            if ((int)arguments["p_limit"]! == 500)
            {
                asked.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }

            return null;
        };
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await asked.Task.InTime();
        for (int i = 0; i < 100; i++)
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(100);

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 100)));
        await world.Client.DisposeAsync().InTime();
        Assert.That(await events.MoveNextAsync().InTime(), Is.False);
    }

    [TestCase(0, 1)]
    [TestCase(4, 5)]
    [TestCase(5, 6)]
    public async Task Conversation_is_resumed_behind_any_of_its_sequences(long resumeAfter, long first)
    {
        await using var world = new World();
        for (int i = 0; i < 5; i++)
            world.Database.Store();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync(resumeAfter);
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync((int)(6 - resumeAfter));

        Assert.That(((StoredEvent)read[0]).Sequence, Is.EqualTo(first));
        Assert.That(((StoredEvent)read[^1]).Sequence, Is.EqualTo(6));
    }

    [TestCase(9, 10)]
    [TestCase(1, 10)]
    public async Task Gap_at_the_end_of_the_log_is_said_and_what_comes_behind_it_follows(long first, long last)
    {
        await using var world = new World();
        for (int i = 0; i < 10; i++)
            world.Database.Store();
        for (long lost = first; lost <= last; lost++)
            world.Database.Forget(lost);
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync(resumeAfter: first - 1);

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        var gap = (HistoryGap)await events.NextAsync();
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        Assert.That((gap.First, gap.Last), Is.EqualTo((first, last)));
        Assert.That(((StoredEvent)await events.NextAsync()).Sequence, Is.EqualTo(11));
    }

    [Test]
    public async Task Event_that_a_replica_shows_later_than_Realtime_comes_soon_and_is_no_invention()
    {
        using var log = new KeptLog(LogLevel.Warning);
        await using var world = new World(options => options.LoggerFactory = log);
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        world.Database.Store();
        string second = world.Database.Store();
        int late = 1;
        world.Database.OnCall = (function, _, _) => Task.FromResult<HttpResponseMessage?>(function == "campfire_events" && Interlocked.Decrement(ref late) >= 0
            ? ScriptedDatabase.Json("""{"events":[],"last_sequence":0,"has_more":false}""") : null);
        DateTimeOffset sent = world.Time.GetUtcNow();

        socket.Broadcast(join.Topic, "message:created", second);
        Task<List<ConversationEvent>> both = events.TakeAsync(2);
        await world.Time.PassUntilAsync(both, TimeSpan.FromMilliseconds(100));

        Assert.That((await both).Cast<StoredEvent>().Select(stored => stored.Sequence), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(world.Time.GetUtcNow() - sent, Is.LessThan(TimeSpan.FromSeconds(5)));
        Assert.That(log.Lines.Select(line => line.Text), Has.None.Contain("InventedEvent"));
    }

    [TestCase(0)]
    [TestCase(201)]
    public async Task History_takes_1_to_200(int limit)
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();

        Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => conversation.GetMessagesAsync(limit: limit));
        Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => conversation.MarkReadAsync(-1));
    }
}

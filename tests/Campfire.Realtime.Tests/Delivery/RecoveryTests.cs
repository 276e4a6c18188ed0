using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

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
    public async Task Reader_that_never_reads_costs_bounded_memory_and_loses_nothing()
    {
        await using var world = new World(options => options.EventBufferSize = 16, isTimeReal: true);
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        for (int i = 0; i < 3000; i++)
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(3000);

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 3000).Select(i => (long)i)));
    }

    [Test]
    public async Task Dispose_does_not_wait_for_a_reader_that_never_reads()
    {
        await using var world = new World(options => options.EventBufferSize = 1, isTimeReal: true);
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        for (int i = 0; i < 100; i++)
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await conversation.DisposeAsync().InTime();
    }

    [Test]
    public async Task Stream_can_be_left_and_gone_on_with_but_not_read_twice_at_once()
    {
        await using var world = new World();
        for (int i = 0; i < 5; i++)
            world.Database.Store();
        (_, Conversation conversation, _) = await world.JoinedAsync(resumeAfter: 2);

        await using (IAsyncEnumerator<ConversationEvent> first = conversation.ReadEventsAsync().GetAsyncEnumerator())
        {
            Assert.That(((StoredEvent)await first.NextAsync()).Sequence, Is.EqualTo(3));
            await using IAsyncEnumerator<ConversationEvent> other = conversation.ReadEventsAsync().GetAsyncEnumerator();
            Assert.ThrowsAsync<InvalidOperationException>(() => other.MoveNextAsync().InTime());
            Assert.That(conversation.Position, Is.EqualTo(2), "an event that is being handled is not done");
        }

        await using IAsyncEnumerator<ConversationEvent> second = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> rest = await second.TakeAsync(2);
        Assert.That(rest.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(new long[] { 4, 5 }));
        Assert.That(conversation.Position, Is.EqualTo(4));
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

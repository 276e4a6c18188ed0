using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Delivery;

public sealed class PollingTests
{
    private static readonly TimeSpan ShortestInterval = CampfireClientOptions.DefaultPollInterval * 0.8;

    [Test]
    public async Task Messages_of_an_hour_without_realtime_come_in_order_meanwhile_and_none_comes_again_afterwards()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        LoseRealtime(world, socket);
        DateTimeOffset lostAt = world.Time.GetUtcNow();
        int callsBefore = world.Database.Calls("campfire_events");
        var read = new List<ConversationEvent>();
        var stored = new List<string>();
        for (int i = 0; i < 120; i++)
        {
            stored.AddRange(Enumerable.Range(0, 25).Select(_ => world.Database.Store()));
            Task<List<ConversationEvent>> reading = events.TakeAsync(25);
            world.Time.Advance(TimeSpan.FromSeconds(30));
            read.AddRange(await world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(1)));
        }

        double intervals = (world.Time.GetUtcNow() - lostAt) / ShortestInterval;
        Assert.Multiple(() =>
        {
            Assert.That(Sequences(read), Is.EqualTo(Enumerable.Range(1, 3000)));
            Assert.That(conversation.State, Is.EqualTo(new DeliveryState(DeliveryMode.Polling, "the connection was lost")));
            Assert.That(conversation.IsLive, Is.False);
            Assert.That(world.Client.Status.IsPolling, Is.True);
            Assert.That(world.Database.Calls("campfire_events") - callsBefore, Is.LessThanOrEqualTo(intervals));
        });

        ScriptedSocket next = await BringBackAsync(world);
        await ModeAsync(conversation, DeliveryMode.Live);
        foreach (string old in stored[^50..])
            next.Broadcast(Topic(world), "message:created", old);
        next.Broadcast(Topic(world), "message:created", world.Database.Store());
        Assert.That(Sequences([await events.NextAsync()]), Is.EqualTo(new[] { 3001 }));
        Assert.That(world.Client.Status.IsPolling, Is.False);
    }

    [Test]
    public async Task Live_channel_is_not_polled()
    {
        await using var world = new World(options => options.TailCheckInterval = TimeSpan.FromHours(1));
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        LoseRealtime(world, socket);
        await world.Time.PassUntilAsync(ModeAsync(conversation, DeliveryMode.Polling), TimeSpan.FromSeconds(1));
        ScriptedSocket next = await BringBackAsync(world);
        await ModeAsync(conversation, DeliveryMode.Live);

        // What the catch-up after the join does not bring proves that it is over.
        world.Database.Store();
        next.Push(null, Topic(world), "system", """{"extension":"system","status":"ok","message":"Replication connection established","channel":"x"}""");
        await events.NextAsync();
        int calls = world.Database.Calls("campfire_events");
        for (int i = 0; i < 10; i++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(4));
            next.Broadcast(Topic(world), "message:created", world.Database.Store());
            await events.NextAsync();
        }

        Assert.That(world.Database.Calls("campfire_events") - calls, Is.LessThanOrEqualTo(1), "at most the end of what the join asked for");
    }

    [Test]
    public async Task Watcher_sees_each_state_and_the_reasons()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<DeliveryState> states = conversation.WatchStateAsync().GetAsyncEnumerator();
        await using IAsyncEnumerator<bool> polls = world.Client.WatchStatusAsync().Select(status => status.IsPolling).Where(isPolling => isPolling).GetAsyncEnumerator();
        Assert.That(await states.NextAsync(), Is.EqualTo(new DeliveryState(DeliveryMode.Live)));

        LoseRealtime(world, socket);
        Assert.That(await states.NextAsync(), Is.EqualTo(new DeliveryState(DeliveryMode.Interrupted, "the connection was lost")));
        world.Time.Advance(CampfireClientOptions.DefaultPollAfter - TimeSpan.FromMilliseconds(1));
        Assert.That(conversation.State.Mode, Is.EqualTo(DeliveryMode.Interrupted));
        Assert.That(world.Client.Status.IsPolling, Is.False);
        world.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(await states.NextAsync(), Is.EqualTo(new DeliveryState(DeliveryMode.Polling, "the connection was lost")));
        Assert.That(await polls.NextAsync(), Is.True);

        await BringBackAsync(world);
        Assert.That(await states.NextAsync(), Is.EqualTo(new DeliveryState(DeliveryMode.Live)));
        await conversation.DisposeAsync().InTime();
        Assert.That(await states.NextAsync(), Is.EqualTo(new DeliveryState(DeliveryMode.Ended, "left by the application")));
        Assert.That(await states.MoveNextAsync().InTime(), Is.False);
    }

    [Test]
    public async Task Failed_poll_is_repeated_more_slowly_than_the_interval_and_the_next_good_one_brings_everything()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        LoseRealtime(world, socket);
        await world.Time.PassUntilAsync(ModeAsync(conversation, DeliveryMode.Polling), TimeSpan.FromMilliseconds(100));
        var attempts = new List<DateTimeOffset>();
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = (_, _, _) =>
        {
            attempts.Add(world.Time.GetUtcNow());
            if (attempts.Count == 8)
            {
                world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(null);
                enough.SetResult();
            }

            return Task.FromResult<HttpResponseMessage?>(new HttpResponseMessage(HttpStatusCode.BadGateway));
        };
        for (int i = 0; i < 3; i++)
            world.Database.Store();

        Task<List<ConversationEvent>> reading = events.TakeAsync(3);
        await world.Time.PassUntilAsync(reading, TimeSpan.FromMilliseconds(100));

        await enough.Task.InTime();
        Assert.That(Sequences(await reading), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(attempts.Zip(attempts.Skip(1), (a, b) => b - a).Min(), Is.GreaterThanOrEqualTo(ShortestInterval));
    }

    [Test]
    public async Task Channel_that_is_live_again_does_not_wait_for_the_retry_of_a_failed_poll()
    {
        await using var world = new World(options => options.JoinTimeout = TimeSpan.FromHours(1));
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        world.Server.AnswersJoins = false;
        socket.SystemError(join, "Token has expired 1 seconds ago");
        socket.CloseChannel(join);
        SentFrame rejoin = await socket.SentAsync("phx_join");
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = (_, _, _) =>
        {
            failed.TrySetResult();
            return Task.FromResult<HttpResponseMessage?>(new HttpResponseMessage(HttpStatusCode.BadGateway));
        };
        await world.Time.PassUntilAsync(failed.Task, TimeSpan.FromSeconds(1));
        await world.Time.ArmedAsync(due => due >= ShortestInterval && due <= CampfireClientOptions.DefaultReconnectMaxDelay);
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(null);
        world.Database.Store();

        socket.Reply(rejoin, """{"status":"ok","response":{"postgres_changes":[]}}""");

        Assert.That(Sequences([await events.NextAsync()]), Is.EqualTo(new[] { 1 }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Dispose_in_the_middle_of_a_poll_ends_the_stream_and_does_not_hang(bool wholeClient)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LoseRealtime(world, socket);
        await world.Time.PassUntilAsync(ModeAsync(conversation, DeliveryMode.Polling), TimeSpan.FromSeconds(1));
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return null;
        };
        Task<bool> reading = events.MoveNextAsync().AsTask();
        await world.Time.PassUntilAsync(asked.Task, TimeSpan.FromSeconds(1));

        await (wholeClient ? world.Client.DisposeAsync() : conversation.DisposeAsync()).InTime();

        Assert.That(await reading.InTime(), Is.False);
        Assert.That(world.Client.Status.IsPolling, Is.False);
        Assert.That(conversation.State.Mode, Is.EqualTo(DeliveryMode.Ended));
    }

    [Test]
    public async Task Right_that_is_gone_ends_the_polling_with_the_reason()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<ConversationEvent> reading = events.NextAsync();
        LoseRealtime(world, socket);
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));

        CampfireException? ended = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(1)));

        Assert.That(ended!.Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
        Assert.That(conversation.State, Is.EqualTo(new DeliveryState(DeliveryMode.Ended, ended.Message)));
        Assert.That(world.Client.Status.IsPolling, Is.False);
    }

    [Test]
    public void Poll_times_out_of_range_are_refused_by_name()
    {
        foreach (TimeSpan time in new[] { TimeSpan.Zero, TimeSpan.FromHours(2) })
        {
            Assert.That(() => new World(options => options.PollAfter = time), Throws.ArgumentException.With.Message.Contains("PollAfter"));
            Assert.That(() => new World(options => options.PollInterval = time), Throws.ArgumentException.With.Message.Contains("PollInterval"));
        }
    }

    private static string Topic(World world) => "realtime:" + world.ConversationName.Topic;

    private static IEnumerable<long> Sequences(IEnumerable<ConversationEvent> events) => events.Select(e => e is StoredEvent stored ? stored.Sequence : -1);

    private static void LoseRealtime(World world, ScriptedSocket socket)
    {
        world.Server.OnConnect = _ => new IOException("no route");
        socket.Break();
    }

    private static async Task<ScriptedSocket> BringBackAsync(World world)
    {
        world.Server.OnConnect = _ => null;
        return await world.Time.PassUntilAsync(world.Server.NextSocketAsync(), TimeSpan.FromMilliseconds(500));
    }

    private static Task<DeliveryState> ModeAsync(Conversation conversation, DeliveryMode mode) =>
        conversation.WatchStateAsync().FirstAsync(state => state.Mode == mode);
}

using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Delivery;

public sealed class InboxTests
{
    [Test]
    public async Task List_holds_the_limit_and_the_oldest_falls_out_for_a_newer_one()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        Guid[] ids = [.. Enumerable.Range(1, 450).Select(Id)];
        foreach (Guid id in ids)
            database.Change(id);
        (ScriptedSocket socket, Inbox inbox) = await JoinAsync(world, new InboxOptions { Limit = 250 });
        await using IAsyncEnumerator<ConversationSummary> changes = inbox.ReadChangesAsync().GetAsyncEnumerator();
        Assert.That(inbox.Conversations.Select(conversation => conversation.Id), Is.EqualTo(ids.Reverse().Take(250)));
        Assert.That(inbox.HasMore, Is.True);
        Assert.That(database.Calls.Take(2).Select(call => (int)call["p_limit"]!), Is.EqualTo(new[] { 200, 50 }));

        Guid added = Id(1000);
        socket.Broadcast(Topic(world), "conversation:created", database.Change(added));
        Assert.That((await changes.NextAsync()).Id, Is.EqualTo(added));

        Assert.That(inbox.Conversations.Select(conversation => conversation.Id), Is.EqualTo(ids.Reverse().Take(249).Prepend(added)));
        IReadOnlyList<ConversationSummary> older = await inbox.GetConversationsAsync(inbox.Conversations[^1], 100).InTime();
        Assert.That(older.Select(conversation => conversation.Id), Is.EqualTo(ids.Reverse().Skip(249).Take(100)));
    }

    [Test]
    public async Task Small_organization_has_no_more()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        for (int i = 1; i <= 3; i++)
            database.Change(Id(i));
        (_, Inbox inbox) = await JoinAsync(world, new InboxOptions { Limit = 3 });

        Assert.That((inbox.Conversations.Count, inbox.HasMore), Is.EqualTo((3, false)));
        await inbox.GetConversationsAsync(inbox.Conversations[0], 7, ConversationStatus.Pending).InTime();
        JsonObject call = database.Calls[^1];
        Assert.That(
            ((string?)call["p_status"], (int)call["p_limit"]!, (string?)call["p_before_id"], (string?)call["p_before"]),
            Is.EqualTo(("pending", 7, Id(3).ToString(), "2026-01-02T03:04:05.000003Z")));
    }

    [Test]
    public async Task Changes_without_realtime_are_polled_until_the_channel_is_live_again()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        database.Change(Id(1));
        (ScriptedSocket socket, Inbox inbox) = await JoinAsync(world);
        await using IAsyncEnumerator<ConversationSummary> changes = inbox.ReadChangesAsync().GetAsyncEnumerator();
        world.Server.OnConnect = _ => new IOException("no route");
        socket.Break();
        for (int version = 2; version < 20; version++)
        {
            database.Change(Id(1), TimeSpan.FromMinutes(1));
            Task<ConversationSummary> reading = changes.NextAsync();
            Assert.That((await world.Time.PassUntilAsync(reading, TimeSpan.FromSeconds(1))).Version, Is.EqualTo(version));
        }

        Assert.That(inbox.State.Mode, Is.EqualTo(DeliveryMode.Polling));
        Assert.That(world.Client.Status.IsPolling, Is.True);
        world.Server.OnConnect = _ => null;
        ScriptedSocket next = await world.Time.PassUntilAsync(world.Server.NextSocketAsync(), TimeSpan.FromMilliseconds(500));
        await inbox.WatchStateAsync().FirstAsync(state => state.Mode is DeliveryMode.Live);
        next.Broadcast(Topic(world), "conversation:updated", database.Change(Id(1)));

        Assert.That((await changes.NextAsync()).Version, Is.EqualTo(20));
        Assert.That(world.Client.Status.IsPolling, Is.False);
    }

    [Test]
    public async Task Dispose_in_the_middle_of_a_read_ends_the_stream_and_does_not_hang()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        (ScriptedSocket socket, Inbox inbox) = await JoinAsync(world);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return null;
        };
        await using IAsyncEnumerator<ConversationSummary> changes = inbox.ReadChangesAsync().GetAsyncEnumerator();
        Task<bool> reading = changes.MoveNextAsync().AsTask();
        world.Server.OnConnect = _ => new IOException("no route");
        socket.Break();
        await world.Time.PassUntilAsync(asked.Task, TimeSpan.FromSeconds(1));

        await world.Client.DisposeAsync().InTime();

        Assert.That(await reading.InTime(), Is.False);
        Assert.That(inbox.State.Mode, Is.EqualTo(DeliveryMode.Ended));
    }

    [TestCase(0)]
    [TestCase(10_001)]
    public async Task Limit_ranges_from_1_to_10_000(int limit)
    {
        await using var world = new World();
        await world.ConnectAsync();

        Assert.ThrowsAsync<ArgumentException>(() => world.Client.JoinInboxAsync(world.Database.OrganizationId, new InboxOptions { Limit = limit }));
    }

    [Test]
    public async Task Refused_token_and_its_fresh_one_do_not_end_the_inbox()
    {
        await using var world = new World();
        var rows = new ScriptedInbox(world.Database.OrganizationId);
        int calls = 0;
        var fourth = new TaskCompletionSource();
        world.Database.OnCall = (_, arguments, _) =>
        {
            int call = Interlocked.Increment(ref calls);
            if (call >= 4)
                fourth.TrySetResult();
            return Task.FromResult<HttpResponseMessage?>(call is 2 or 3 ? ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST303") : rows.Answer(arguments));
        };
        await world.ConnectAsync();
        await using Inbox inbox = await world.Client.JoinInboxAsync(world.Database.OrganizationId).InTime();

        await world.Time.PassUntilAsync(fourth.Task, TimeSpan.FromSeconds(5));

        Assert.That(inbox.State.Mode, Is.Not.EqualTo(DeliveryMode.Ended));
    }

    [Test]
    public async Task Read_comes_to_its_end_on_a_network_that_flaps_faster_than_it_takes()
    {
        await using var world = new World();
        var rows = new ScriptedInbox(world.Database.OrganizationId);
        var gate = new TaskCompletionSource();
        gate.SetResult();
        int begun = 0, given = 0;
        world.Database.OnCall = async (_, arguments, cancellationToken) =>
        {
            Interlocked.Increment(ref begun);
            try
            {
                await gate.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref given);
                throw;
            }

            return rows.Answer(arguments);
        };
        ScriptedSocket socket = await world.ConnectAsync();
        await using Inbox inbox = await world.Client.JoinInboxAsync(world.Database.OrganizationId).InTime();
        gate = new TaskCompletionSource();

        for (int flaps = 0; flaps < 5; flaps++)
        {
            socket.Break();
            socket = await world.Time.PassUntilAsync(world.Server.NextSocketAsync(), TimeSpan.FromMilliseconds(20));
            await inbox.WatchStateAsync().FirstAsync(state => state.Mode is DeliveryMode.Live);
        }

        Assert.That(Volatile.Read(ref given), Is.LessThanOrEqualTo(1), $"of {begun} reads");
        gate.SetResult();
    }

    [Test]
    public async Task Unreadable_change_that_comes_during_a_read_asks_for_another_one_soon()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        (ScriptedSocket socket, Inbox inbox) = await JoinAsync(world);
        await using IAsyncEnumerator<ConversationSummary> changes = inbox.ReadChangesAsync().GetAsyncEnumerator();
        (Task first, TaskCompletionSource answer) = HoldNextRead(world, database);
        socket.Broadcast(Topic(world), "conversation:updated", "{}");
        await world.Time.PassAsync(TimeSpan.FromSeconds(1));
        await first.InTime();

        socket.Broadcast(Topic(world), "conversation:updated", "{}");
        socket.Broadcast(Topic(world), "conversation:created", database.Change(Id(1)));
        await changes.NextAsync();
        world.Time.ForgetArmed();
        answer.SetResult();

        (Task second, _) = HoldNextRead(world, database);
        await world.Time.PassAsync(TimeSpan.FromSeconds(1));
        await second.InTime();
    }

    [Test]
    public async Task Inbox_that_has_ended_does_not_go_on_asking_the_database()
    {
        await using var world = new World();
        ScriptedInbox database = Script(world);
        (ScriptedSocket socket, Inbox inbox) = await JoinAsync(world);
        SentFrame join = await socket.SentAsync("phx_join");
        var given = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            given.TrySetResult();
            throw new OperationCanceledException(cancellationToken);
        };
        socket.Broadcast(join.Topic, "conversation:updated", "{}");
        await world.Time.PassAsync(TimeSpan.FromSeconds(1));
        await asked.Task.InTime();

        socket.SystemError(join, "You no longer have permission to read from this Channel topic: x");
        socket.CloseChannel(join);

        await inbox.WatchStateAsync().FirstAsync(state => state.Mode is DeliveryMode.Ended);
        await given.Task.InTime();
    }

    // Completes when a read has begun, which is answered when the test says so.
    private static (Task Begun, TaskCompletionSource Answer) HoldNextRead(World world, ScriptedInbox database)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, arguments, cancellationToken) =>
        {
            begun.TrySetResult();
            await answer.Task.WaitAsync(cancellationToken);
            return database.Answer(arguments);
        };
        return (begun.Task, answer);
    }

    private static Guid Id(int number) => new(number, 0, 0, new byte[8]);

    private static string Topic(World world) => $"realtime:{ChannelName.Organization(world.Database.OrganizationId).Topic}";

    private static ScriptedInbox Script(World world)
    {
        var inbox = new ScriptedInbox(world.Database.OrganizationId);
        world.Database.OnCall = (_, arguments, _) => Task.FromResult<HttpResponseMessage?>(inbox.Answer(arguments));
        return inbox;
    }

    private static async Task<(ScriptedSocket Socket, Inbox Inbox)> JoinAsync(World world, InboxOptions? options = null)
    {
        ScriptedSocket socket = await world.ConnectAsync();
        return (socket, await world.Client.JoinInboxAsync(world.Database.OrganizationId, options).InTime());
    }
}

using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Delivery;

// Readers that come late, or never.
public sealed class SlowReaderTests
{
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
    public async Task Reader_that_was_stuck_while_thousands_arrived_costs_one_read_a_page()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        int before = world.Database.Calls("campfire_events");
        for (int i = 0; i < 5_000; i++)
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await HaveArrivedAsync(socket);

        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        List<ConversationEvent> read = await events.TakeAsync(5_000);

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 5_000)));
        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThanOrEqualTo(5_000 / 500 + 3));
    }

    [Test]
    public async Task Reader_that_is_always_late_costs_at_most_one_read_a_buffer()
    {
        await using var world = new World(options => options.EventBufferSize = 64);
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        int before = world.Database.Calls("campfire_events");
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        var read = new List<ConversationEvent>();
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 320; i++)
                socket.Broadcast(join.Topic, "message:created", world.Database.Store());
            await HaveArrivedAsync(socket);
            read.AddRange(await events.TakeAsync(160));
        }

        read.AddRange(await events.TakeAsync(3_200));

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 6_400)));
        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThanOrEqualTo(6_400 / 64));
    }

    [Test]
    public async Task Buffer_that_runs_over_during_a_catch_up_costs_at_most_one_read_more()
    {
        await using var world = new World(options =>
        {
            options.EventBufferSize = 4;
            options.TailCheckInterval = TimeSpan.FromHours(1);
        });
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, arguments, _) =>
        {
            if ((int)arguments["p_limit"]! == 500)
            {
                asked.TrySetResult();
                await answer.Task;
            }

            return null;
        };
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        await asked.Task.InTime();
        world.Database.Store("lost");
        for (int i = 0; i < 40; i++)
            socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        await HaveArrivedAsync(socket);
        int before = world.Database.Calls("campfire_events");

        answer.SetResult();
        List<ConversationEvent> read = await events.TakeAsync(41);
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        read.Add(await events.NextAsync());

        Assert.That(read.Cast<StoredEvent>().Select(e => e.Sequence), Is.EqualTo(Enumerable.Range(1, 42)));

        // None where the pump began its read afresh only now, because the channel had become live.
        Assert.That(world.Database.Calls("campfire_events") - before, Is.LessThanOrEqualTo(1));
    }

    // What was sent before this has passed the receive loop when it completes.
    private static async Task HaveArrivedAsync(ScriptedSocket socket)
    {
        await socket.ReceivePartAndBeReadAsync("[null,null,\"phoenix\",\"nothing\""u8.ToArray());
        socket.ReceivePart(",{}]"u8.ToArray(), isEnd: true);
    }
}

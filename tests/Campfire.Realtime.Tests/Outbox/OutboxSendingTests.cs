using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;
using Campfire.Realtime.Tests.Conversations;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class OutboxSendingTests : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public async Task Message_is_accepted_without_a_connection_and_sent_after_connecting_without_joining()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        var message = new OutgoingMessage("hello");

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        Assert.That(world.Database.LastSequence, Is.Zero);
        world.Server.OnConnect = _ => new IOException("down");
        _ = world.Client.ConnectAsync();

        SendResult result = await world.FirstResultAsync();
        Assert.That(result, Is.EqualTo(new SendResult(
            message.Id, world.Database.ConversationId, SendOutcome.Stored, new SentMessage(message.Id, 1, DateTimeOffset.Parse("2026-01-02T03:04:05Z", null)))));
        Assert.That(await outbox.ReadAsync(), Is.Empty);
    }

    [Test]
    public async Task Enqueued_and_sent_messages_of_a_conversation_are_stored_in_the_order_of_the_calls()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox, isTimeReal: true);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var order = new List<string>();
        int calls = 0;
        world.OnSend(arguments =>
        {
            if (Interlocked.Increment(ref calls) % 5 == 0)
                return ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy");
            order.Add(arguments);
            return null;
        });

        Task[] calling = [.. Enumerable.Range(0, 30).Select(i => i % 3 == 0
            ? conversation.SendMessageAsync($"{i:00}")
            : conversation.EnqueueMessageAsync(new OutgoingMessage($"{i:00}")))];
        await Task.WhenAll(calling).InTime();
        await conversation.SendMessageAsync("30").InTime();

        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 31).Select(i => $"{i:00}")));
    }

    [Test]
    public async Task Stored_message_comes_through_the_stream_of_the_joined_conversation()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var message = new OutgoingMessage("hello");

        await conversation.EnqueueMessageAsync(message).InTime();
        await world.FirstResultAsync();

        // Nothing is broadcast; the hold time is far shorter than the next look at the log.
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<ConversationEvent> reading = events.NextAsync();
        await world.Time.ArmedAsync(due => due > TimeSpan.Zero && due <= TimeSpan.FromMilliseconds(150));
        world.Time.Advance(TimeSpan.FromMilliseconds(150));
        Assert.That(((MessageCreated)await reading.InTime()).Id, Is.EqualTo(message.Id));
    }

    [Test]
    public async Task Transient_failures_are_waited_for_beyond_the_send_timeout()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => (options.Outbox, options.SendTimeout) = (outbox, TimeSpan.FromSeconds(1)));
        int calls = 0;
        world.OnSend(_ => Interlocked.Increment(ref calls) <= 20 ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await world.ConnectAsync();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        SendResult result = await world.Time.PassUntilAsync(world.FirstResultAsync(), TimeSpan.FromSeconds(10));

        Assert.That((result.Outcome, calls), Is.EqualTo((SendOutcome.Stored, 21)));
    }

    [Test]
    public async Task Sent_message_behind_a_waiting_one_ends_as_unknown_and_is_not_stored_later()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        world.OnSend(content => content == "first" ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await conversation.EnqueueMessageAsync(new OutgoingMessage("first")).InTime();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(conversation.SendMessageAsync("second"), Step));

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
        Assert.That(e.Message, Does.Contain("turn").And.Contain("safe"));
        Assert.That(world.Database.LastSequence, Is.Zero);
    }

    [Test]
    public async Task Outbox_that_fails_while_the_client_is_disposed_is_said_in_the_log()
    {
        var log = new KeptLog(LogLevel.Error);
        var outbox = new ClosingOutbox();
        var world = new World(options => (options.Outbox, options.LoggerFactory) = (outbox, log));
        await world.ConnectAsync();
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        await outbox.Removing.InTime();

        await world.DisposeAsync();

        Assert.That(log.Lines.Where(line => line.Text.Contains(nameof(ObjectDisposedException), StringComparison.Ordinal)), Has.One.Items);
    }

    [Test]
    public async Task Disposed_client_leaves_what_is_on_its_way_to_the_next_one_which_stores_it_once_and_first()
    {
        var database = new ScriptedDatabase();
        var messages = new List<OutgoingMessage>();
        var arrived = new TaskCompletionSource();
        database.OnCall = async (function, arguments, cancellationToken) =>
        {
            // Stored, but the answer does not come.
            database.Store((string)arguments["p_content"]!, Guid.Parse((string)arguments["p_id"]!));
            arrived.SetResult();
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return null;
        };
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await using var world = new World(options => (options.Outbox, options.HttpMessageHandler) = (outbox, database));
            await world.ConnectAsync();
            for (int i = 0; i < 3; i++)
            {
                messages.Add(new OutgoingMessage($"{i}"));
                await world.Client.EnqueueMessageAsync(database.ConversationId, messages[i]).InTime();
            }

            await arrived.Task.InTime();
            await world.DisposeAsync();
            Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(3));
            Assert.ThrowsAsync<ObjectDisposedException>(() => world.Client.EnqueueMessageAsync(database.ConversationId, new OutgoingMessage("late")));
        }

        database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(null);
        await using FileOutbox again = await _folder.OpenAsync();
        await using var next = new World(options => (options.Outbox, options.HttpMessageHandler) = (again, database));
        messages.Add(new OutgoingMessage("3"));
        await next.Client.EnqueueMessageAsync(database.ConversationId, messages[3]).InTime();
        await next.ConnectAsync();

        List<SendResult> results = await next.ResultsAsync(4);
        Assert.That(results.Select(result => (result.MessageId, result.Message!.Sequence)), Is.EquivalentTo(messages.Select((message, i) => (message.Id, i + 1L))));
    }

    [Test]
    public async Task Message_that_is_left_to_the_next_client_is_not_overtaken_while_this_one_ends()
    {
        var outbox = new SlowOutbox();
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var isStuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.OnSend(content =>
        {
            if (content != "stuck")
                return null;
            isStuck.TrySetResult();
            return ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy");
        });
        Task removing = outbox.HoldAsync(nameof(IOutbox.RemoveAsync));
        await world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("other")).InTime();
        await removing.InTime();
        await conversation.EnqueueMessageAsync(new OutgoingMessage("stuck")).InTime();
        await isStuck.Task.InTime();
        Task<SentMessage> behind = conversation.SendMessageAsync("behind");

        // It waits for the removal, and leaves its conversations only then.
        Task disposing = world.Client.DisposeAsync().AsTask();
        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(behind, Step));
        outbox.Release();
        await disposing.InTime();

        Assert.That((e!.Code, e.Message), Is.EqualTo((CampfireErrorCode.OutcomeUnknown, e.Message)));
        Assert.That(world.Database.Contents, Is.EqualTo(["other"]));
    }

    [Test]
    public async Task Cancelled_enqueueing_leaves_no_message_behind_and_holds_up_nobody()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        await world.ConnectAsync();

        Assert.CatchAsync<OperationCanceledException>(
            () => world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("cancelled"), new CancellationToken(canceled: true)).InTime());
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("next")).InTime();

        await world.FirstResultAsync();
        Assert.That(world.Database.LastSequence, Is.EqualTo(1));
    }

    [Test]
    public async Task Identifier_of_a_waiting_message_is_refused_for_another_before_it_is_accepted()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        var message = new OutgoingMessage("one");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        CampfireException? e = Assert.ThrowsAsync<CampfireException>(
            () => world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("two") { Id = message.Id }).InTime());

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.Conflict));
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Conversation_that_waits_does_not_hold_up_others()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        world.OnSend(content => content == "stuck" ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await world.ConnectAsync();
        for (int i = 0; i < 8; i++)
            await world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("stuck")).InTime();

        await world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("free")).InTime();

        await world.FirstResultAsync();
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(8));
    }

    [Test]
    public async Task Access_token_is_not_in_the_file()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        world.OnSend(_ => ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy"));
        await world.ConnectAsync();
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        await world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

        string file = System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(_folder.FilePath));
        Assert.That(file, Does.Contain("hello").And.Not.Contain(World.Token(DateTimeOffset.MaxValue).Split('.')[1]));
    }

    [Test]
    public async Task Client_without_an_outbox_says_how_to_set_one()
    {
        await using var world = new World();
        Assert.That(
            Assert.Throws<InvalidOperationException>(() => world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("x")))!.Message, Does.Contain("FileOutbox"));
        Assert.Throws<InvalidOperationException>(() => world.Client.ReadSendResultsAsync());
        Assert.Throws<InvalidOperationException>(() => world.Client.WithdrawMessageAsync(Guid.NewGuid()));
    }

    // Closed by its owner while the client removes a message.
    private sealed class ClosingOutbox : IOutbox
    {
        private readonly TaskCompletionSource _removing = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Owner => OutboxFolder.Owner;

        public Task Removing => _removing.Task;

        public ValueTask<IReadOnlyList<OutboxMessage>> ReadAsync(CancellationToken cancellationToken = default) => ValueTask.FromResult<IReadOnlyList<OutboxMessage>>([]);

        public ValueTask<bool> AddAsync(OutboxMessage message, CancellationToken cancellationToken = default) => ValueTask.FromResult(true);

        public async ValueTask RemoveAsync(Guid messageId, CancellationToken cancellationToken = default)
        {
            _removing.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new ObjectDisposedException("outbox");
        }
    }
}

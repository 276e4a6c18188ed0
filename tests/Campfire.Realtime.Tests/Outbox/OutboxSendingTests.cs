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

        SendResult result = await FirstResultAsync(world);
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
        OnSend(world, arguments =>
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
        await FirstResultAsync(world);

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
        OnSend(world, _ => Interlocked.Increment(ref calls) <= 20 ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await world.ConnectAsync();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        SendResult result = await world.Time.PassUntilAsync(FirstResultAsync(world), TimeSpan.FromSeconds(10));

        Assert.That((result.Outcome, calls), Is.EqualTo((SendOutcome.Stored, 21)));
    }

    [Test]
    public async Task Sent_message_behind_a_waiting_one_ends_as_unknown_and_is_not_stored_later()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        OnSend(world, content => content == "first" ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await conversation.EnqueueMessageAsync(new OutgoingMessage("first")).InTime();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(conversation.SendMessageAsync("second"), Step));

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
        Assert.That(e.Message, Does.Contain("turn").And.Contain("safe"));
        Assert.That(world.Database.LastSequence, Is.Zero);
    }

    [TestCase(HttpStatusCode.UnprocessableEntity, "PT422", "campfire_invalid", CampfireErrorCode.Invalid)]
    [TestCase(HttpStatusCode.Conflict, "PT409", "campfire_conflict", CampfireErrorCode.Conflict)]
    [TestCase(HttpStatusCode.Conflict, "PT409", "campfire_stale_handler", CampfireErrorCode.StaleHandler)]
    [TestCase(HttpStatusCode.Forbidden, "PT403", "campfire_not_participant", CampfireErrorCode.AccessDenied)]
    [TestCase(HttpStatusCode.NotFound, "PT404", "campfire_not_found", CampfireErrorCode.NotFound)]
    [TestCase(HttpStatusCode.BadRequest, "22P05", "unsupported Unicode escape sequence", CampfireErrorCode.Invalid)]
    [TestCase(HttpStatusCode.BadRequest, "23514", "new row violates a check constraint", CampfireErrorCode.Invalid)]
    [TestCase(HttpStatusCode.Conflict, "23503", "violates a foreign key constraint", CampfireErrorCode.Conflict)]
    public async Task Refused_message_is_reported_and_does_not_hold_up_those_behind_it(
        HttpStatusCode status, string sqlState, string reason, CampfireErrorCode code)
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        OnSend(world, content => content == "2" ? ScriptedDatabase.Error(status, reason, sqlState) : null);
        foreach (string content in new[] { "1", "2", "3" })
            await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage(content)).InTime();
        await world.ConnectAsync();

        List<SendResult> results = await ResultsAsync(world, 3);

        Assert.That(results.Select(result => result.Outcome), Is.EqualTo([SendOutcome.Stored, SendOutcome.Refused, SendOutcome.Stored]));
        Assert.That(results[1].Error!.Code, Is.EqualTo(code));
        Assert.That(await outbox.ReadAsync(), Is.Empty);
    }

    [TestCase(HttpStatusCode.Unauthorized, "JWT expired", "PGRST301")]
    [TestCase(HttpStatusCode.Unauthorized, "Invalid API key", null)]
    [TestCase(HttpStatusCode.NotFound, "no such function", "PGRST202")]
    [TestCase(HttpStatusCode.NotFound, "no such table", "42P01")]
    [TestCase(HttpStatusCode.MethodNotAllowed, "cannot execute UPDATE in a read-only transaction", "25006")]
    [TestCase(HttpStatusCode.Forbidden, "password authentication failed", "28P01")]
    [TestCase(HttpStatusCode.Forbidden, "permission denied for function", "42501")]
    [TestCase(HttpStatusCode.Unauthorized, "role \"agents\" does not exist", "22023")]
    [TestCase(HttpStatusCode.BadRequest, "column does not exist", "42703")]
    [TestCase(HttpStatusCode.BadRequest, "the body is not JSON", "PGRST102")]
    [TestCase(HttpStatusCode.TooManyRequests, "campfire_rate_limited", "PT429")]
    [TestCase(HttpStatusCode.BadRequest, "bad gateway", null)]
    [TestCase(HttpStatusCode.PaymentRequired, "exceeded quota", null)]
    [TestCase(HttpStatusCode.Forbidden, "blocked", "WAF-RULE-22")]
    [TestCase(HttpStatusCode.RequestEntityTooLarge, "too large", null)]
    public async Task Refusal_that_says_nothing_of_the_message_is_waited_for(HttpStatusCode status, string reason, string? code)
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        int calls = 0;
        OnSend(world, _ => Interlocked.Increment(ref calls) > 6 ? null
            : code is null ? ScriptedDatabase.Json($$"""{"message":"{{reason}}"}""", status) : ScriptedDatabase.Error(status, reason, code));
        await world.ConnectAsync();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();

        Assert.That((await world.Time.PassUntilAsync(OutcomeAsync(world), Step)).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    [Test]
    public async Task Refusal_is_told_only_when_the_message_is_gone_from_the_disk()
    {
        var disk = new FailingDisk();
        var message = new OutgoingMessage("hello");
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            await using var world = new World(options => options.Outbox = outbox);
            OnSend(world, _ => ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));
            await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
            disk.FailsToFlush = true;
            await world.ConnectAsync();

            Task<SendResult> told = FirstResultAsync(world);
            await RemovalFailedAsync(world);
            Assert.That(told.IsCompleted, Is.False);
        }

        await using FileOutbox again = await _folder.OpenAsync();
        await using var later = new World(options => options.Outbox = again);
        await later.ConnectAsync();
        SendResult result = await FirstResultAsync(later);
        Assert.That((result.MessageId, result.Outcome), Is.EqualTo((message.Id, SendOutcome.Stored)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Removal_that_failed_is_tried_again_until_the_disk_is_well(bool isStored)
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        await using var world = new World(options => options.Outbox = outbox);
        OnSend(world, _ => isStored ? null : ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        disk.FailsToFlush = disk.FailsToCut = true;
        await world.ConnectAsync();
        await RemovalFailedAsync(world);

        disk.FailsToFlush = disk.FailsToCut = false;

        SendResult result = await world.Time.PassUntilAsync(FirstResultAsync(world), Step);
        Assert.That(result.Outcome, Is.EqualTo(isStored ? SendOutcome.Stored : SendOutcome.Refused));
        Assert.That(await outbox.ReadAsync(), Is.Empty);
        Assert.That(world.Database.Calls("campfire_send_message"), Is.EqualTo(1));
    }

    [Test]
    public async Task Stored_message_that_cannot_be_removed_holds_up_nobody()
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        OnSend(world, _ =>
        {
            disk.WritesAtMost = 0;
            return null;
        });
        await conversation.EnqueueMessageAsync(new OutgoingMessage("enqueued")).InTime();

        SentMessage sent = await conversation.SendMessageAsync("sent").InTime();

        Assert.That(sent.Sequence, Is.EqualTo(2));
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
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

    // The database itself says so: nothing but its hint tells this conflict from that of an identifier.
    [Test]
    public async Task Conversation_that_a_trigger_keeps_from_taking_messages_is_waited_for()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(AssemblySetUp.Emulator);
        await using var database = NpgsqlDataSource.Create(AssemblySetUp.Emulator.ConnectionString);
        await ExecuteAsync(database, $$"""
            create function public.keep_still() returns trigger language plpgsql as 'begin return null; end';
            create trigger keep_still before update on public.conversations for each row when (old.id = '{{desk.ConversationId}}') execute function public.keep_still();
            """);
        await using FileOutbox outbox = await _folder.OpenAsync(options => options.Owner = desk.AgentId.ToString());
        var answers = new AnswersSeen();
        await using CampfireClient client = await DeskClients.ConnectAsync(
            AssemblySetUp.Emulator, desk.AgentToken, options => (options.Outbox, options.HttpMessageHandler) = (outbox, answers));
        try
        {
            await client.EnqueueMessageAsync(desk.ConversationId, new OutgoingMessage("hello")).InTime();
            Assert.That(await answers.First.InTime(), Is.EqualTo(HttpStatusCode.Conflict));
        }
        finally
        {
            await ExecuteAsync(database, "drop trigger keep_still on public.conversations; drop function public.keep_still();");
        }

        Assert.That((await client.ReadSendResultsAsync().FirstAsync(_ => true).InTime()).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    // Results that nobody needs push out those of messages.
    [Test]
    public async Task Reasons_that_take_turns_are_told_once_each()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        int calls = 0;
        OnSend(world, _ => Interlocked.Increment(ref calls) switch
        {
            > 6 => null,
            var call when call % 2 == 0 => ScriptedDatabase.Error(HttpStatusCode.Forbidden, "permission denied for function", "42501"),
            _ => ScriptedDatabase.Error(HttpStatusCode.NotFound, "no such function", "PGRST202"),
        });
        await world.ConnectAsync();
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();

        List<SendResult> results = await world.Time.PassUntilAsync(ResultsAsync(world, 3), Step);

        Assert.That(
            results.Select(result => (result.Outcome, result.Error?.Code)),
            Is.EqualTo([(SendOutcome.Waiting, CampfireErrorCode.NotFound), (SendOutcome.Waiting, CampfireErrorCode.AccessDenied), (SendOutcome.Stored, (CampfireErrorCode?)null)]));
    }

    [Test]
    public async Task Missing_token_is_waited_for()
    {
        int asked = 0;
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options =>
        {
            options.Outbox = outbox;
            options.AccessToken = _ => Interlocked.Increment(ref asked) < 4 ? throw new InvalidOperationException("signed out") : ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue));
        });
        await world.ConnectAsync();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();

        Assert.That((await world.Time.PassUntilAsync(OutcomeAsync(world), Step)).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    [Test]
    public async Task Messages_of_one_user_are_never_sent_with_the_token_of_another()
    {
        string user = "user-2";
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options =>
        {
            options.Outbox = outbox;
            options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, user));
        });
        var message = new OutgoingMessage("secret");
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.ConnectAsync();

        SendResult waiting = await FirstResultAsync(world);
        Assert.That((waiting.MessageId, waiting.Outcome, waiting.Error!.Code), Is.EqualTo((message.Id, SendOutcome.Waiting, CampfireErrorCode.WrongUser)));
        Assert.That(
            Assert.ThrowsAsync<CampfireException>(() => world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("mine")).InTime())!.Code,
            Is.EqualTo(CampfireErrorCode.WrongUser));
        Assert.That(world.Database.Calls("campfire_send_message"), Is.Zero);
        Assert.That(OutboxFolder.Keys(await outbox.ReadAsync()).Select(key => key.Item2), Is.EqualTo([message.Id]));

        user = OutboxFolder.Owner;
        SendResult stored = await world.Time.PassUntilAsync(FirstResultAsync(world), Step);
        Assert.That((stored.MessageId, stored.Outcome), Is.EqualTo((message.Id, SendOutcome.Stored)));
    }

    [Test]
    public async Task Token_that_turns_into_another_users_within_a_request_is_not_used()
    {
        int asked = 0;
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options =>
        {
            options.Outbox = outbox;
            options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, Interlocked.Increment(ref asked) == 1 ? OutboxFolder.Owner : "user-2"));
        });
        int calls = 0;
        OnSend(world, _ => Interlocked.Increment(ref calls) == 1 ? ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST301") : null);
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("secret")).InTime();
        await world.ConnectAsync();

        Assert.That((await FirstResultAsync(world)).Error!.Code, Is.EqualTo(CampfireErrorCode.WrongUser));
        Assert.That(calls, Is.EqualTo(1));
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

        List<SendResult> results = await ResultsAsync(next, 4);
        Assert.That(results.Select(result => (result.MessageId, result.Message!.Sequence)), Is.EqualTo(messages.Select((message, i) => (message.Id, i + 1L))));
    }

    [Test]
    public async Task Message_that_is_left_to_the_next_client_is_not_overtaken_while_this_one_ends()
    {
        var outbox = new SlowOutbox();
        await using var world = new World(options => options.Outbox = outbox);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var isStuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        OnSend(world, content =>
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

        await FirstResultAsync(world);
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
        OnSend(world, content => content == "stuck" ? ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy") : null);
        await world.ConnectAsync();
        for (int i = 0; i < 8; i++)
            await world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("stuck")).InTime();

        await world.Client.EnqueueMessageAsync(Guid.NewGuid(), new OutgoingMessage("free")).InTime();

        await FirstResultAsync(world);
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(8));
    }

    [Test]
    public async Task Access_token_is_not_in_the_file()
    {
        await using FileOutbox outbox = await _folder.OpenAsync();
        await using var world = new World(options => options.Outbox = outbox);
        OnSend(world, _ => ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy"));
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

    // What waits to be tried again waits for less than the base delay, at first.
    private static Task<TimeSpan> RemovalFailedAsync(World world) => world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

    private static Task<SendResult> OutcomeAsync(World world) => world.Client.ReadSendResultsAsync().FirstAsync(result => result.Outcome is not SendOutcome.Waiting);

    private static Task<SendResult> FirstResultAsync(World world) => world.Client.ReadSendResultsAsync().FirstAsync(_ => true);

    private static async Task<List<SendResult>> ResultsAsync(World world, int count)
    {
        await using IAsyncEnumerator<SendResult> results = world.Client.ReadSendResultsAsync().GetAsyncEnumerator();
        return await results.TakeAsync(count);
    }

    private static void OnSend(World world, Func<string, HttpResponseMessage?> answer) => world.Database.OnCall =
        (function, arguments, _) => Task.FromResult(function == "campfire_send_message" ? answer((string)arguments["p_content"]!) : null);

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private sealed class AnswersSeen() : DelegatingHandler(new SocketsHttpHandler())
    {
        private readonly TaskCompletionSource<HttpStatusCode> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<HttpStatusCode> First => _first.Task;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            _first.TrySetResult(response.StatusCode);
            return response;
        }
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

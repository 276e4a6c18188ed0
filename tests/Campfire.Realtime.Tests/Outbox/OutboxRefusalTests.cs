using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;
using Campfire.Realtime.Tests.Conversations;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Tests.Outbox;

// Messages that the database does not take, or not yet, and what becomes of them.
public sealed class OutboxRefusalTests : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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
        world.OnSend(content => content == "2" ? ScriptedDatabase.Error(status, reason, sqlState) : null);
        OutgoingMessage[] messages = [new("1"), new("2"), new("3")];
        foreach (OutgoingMessage message in messages)
            await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
        await world.ConnectAsync();

        List<SendResult> results = await world.ResultsAsync(3);

        // Each is told when it is off the disk, the second perhaps before the first.
        SendResult[] ofMessages = [.. messages.Select(message => results.Single(result => result.MessageId == message.Id))];
        Assert.That(ofMessages.Select(result => result.Outcome), Is.EqualTo([SendOutcome.Stored, SendOutcome.Refused, SendOutcome.Stored]));
        Assert.That(ofMessages[1].Error!.Code, Is.EqualTo(code));
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
        world.OnSend(_ => Interlocked.Increment(ref calls) > 6 ? null
            : code is null ? ScriptedDatabase.Json($$"""{"message":"{{reason}}"}""", status) : ScriptedDatabase.Error(status, reason, code));
        await world.ConnectAsync();

        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();

        Assert.That((await world.Time.PassUntilAsync(world.OutcomeAsync(), Step)).Outcome, Is.EqualTo(SendOutcome.Stored));
    }

    [Test]
    public async Task Refusal_is_told_only_when_the_message_is_gone_from_the_disk()
    {
        var disk = new FailingDisk();
        var message = new OutgoingMessage("hello");
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            await using var world = new World(options => options.Outbox = outbox);
            world.OnSend(_ => ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));
            await world.Client.EnqueueMessageAsync(world.Database.ConversationId, message).InTime();
            disk.FailsToFlush = true;
            await world.ConnectAsync();

            Task<SendResult> told = world.FirstResultAsync();
            await RemovalFailedAsync(world);
            Assert.That(told.IsCompleted, Is.False);
        }

        await using FileOutbox again = await _folder.OpenAsync();
        await using var later = new World(options => options.Outbox = again);
        await later.ConnectAsync();
        SendResult result = await later.FirstResultAsync();
        Assert.That((result.MessageId, result.Outcome), Is.EqualTo((message.Id, SendOutcome.Stored)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Removal_that_failed_is_tried_again_until_the_disk_is_well(bool isStored)
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        await using var world = new World(options => options.Outbox = outbox);
        world.OnSend(_ => isStored ? null : ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();
        disk.FailsToFlush = disk.FailsToCut = true;
        await world.ConnectAsync();
        await RemovalFailedAsync(world);

        disk.FailsToFlush = disk.FailsToCut = false;

        SendResult result = await world.Time.PassUntilAsync(world.FirstResultAsync(), Step);
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
        world.OnSend(_ =>
        {
            disk.WritesAtMost = 0;
            return null;
        });
        await conversation.EnqueueMessageAsync(new OutgoingMessage("enqueued")).InTime();

        SentMessage sent = await conversation.SendMessageAsync("sent").InTime();

        Assert.That(sent.Sequence, Is.EqualTo(2));
        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
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
        world.OnSend(_ => Interlocked.Increment(ref calls) switch
        {
            > 6 => null,
            var call when call % 2 == 0 => ScriptedDatabase.Error(HttpStatusCode.Forbidden, "permission denied for function", "42501"),
            _ => ScriptedDatabase.Error(HttpStatusCode.NotFound, "no such function", "PGRST202"),
        });
        await world.ConnectAsync();
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("hello")).InTime();

        List<SendResult> results = await world.Time.PassUntilAsync(world.ResultsAsync(3), Step);

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

        Assert.That((await world.Time.PassUntilAsync(world.OutcomeAsync(), Step)).Outcome, Is.EqualTo(SendOutcome.Stored));
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

        SendResult waiting = await world.FirstResultAsync();
        Assert.That((waiting.MessageId, waiting.Outcome, waiting.Error!.Code), Is.EqualTo((message.Id, SendOutcome.Waiting, CampfireErrorCode.WrongUser)));
        Assert.That(
            Assert.ThrowsAsync<CampfireException>(() => world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("mine")).InTime())!.Code,
            Is.EqualTo(CampfireErrorCode.WrongUser));
        Assert.That(world.Database.Calls("campfire_send_message"), Is.Zero);
        Assert.That(OutboxFolder.Keys(await outbox.ReadAsync()).Select(key => key.Item2), Is.EqualTo([message.Id]));

        user = OutboxFolder.Owner;
        SendResult stored = await world.Time.PassUntilAsync(world.FirstResultAsync(), Step);
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
        world.OnSend(_ => Interlocked.Increment(ref calls) == 1 ? ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST301") : null);
        await world.Client.EnqueueMessageAsync(world.Database.ConversationId, new OutgoingMessage("secret")).InTime();
        await world.ConnectAsync();

        Assert.That((await world.FirstResultAsync()).Error!.Code, Is.EqualTo(CampfireErrorCode.WrongUser));
        Assert.That(calls, Is.EqualTo(1));
    }

    // What waits to be tried again waits for less than the base delay, at first.
    private static Task<TimeSpan> RemovalFailedAsync(World world) => world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

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
}

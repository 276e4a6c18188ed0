using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Delivery;

public sealed class SendingTests
{
    [Test]
    public async Task Message_is_stored_with_the_identifier_that_the_client_chose()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var message = new OutgoingMessage("hello");

        SentMessage sent = await conversation.SendMessageAsync(message).InTime();

        Assert.That((sent.Id, sent.Sequence), Is.EqualTo((message.Id, 1L)));
    }

    [Test]
    public async Task Message_is_sent_while_the_socket_is_down_and_comes_through_the_stream()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.OnConnect = _ => new IOException("down");
        socket.Break();
        await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();

        SentMessage sent = await conversation.SendMessageAsync("over REST").InTime();

        await using IAsyncEnumerator<Protocol.ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<Protocol.ConversationEvent> reading = events.NextAsync();
        await world.Time.PassUntilAsync(reading, TimeSpan.FromMilliseconds(150));
        Assert.That(((Protocol.MessageCreated)await reading).Id, Is.EqualTo(sent.Id));
    }

    [Test]
    public async Task Messages_are_stored_in_the_order_of_the_calls()
    {
        await using var world = new World(isTimeReal: true);
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var order = new List<string>();
        int calls = 0;
        world.Database.OnCall = async (function, arguments, _) =>
        {
            if (function != "campfire_send_message")
                return null;
            await Task.Yield();
            if (Interlocked.Increment(ref calls) % 5 == 0)
                return ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy");
            order.Add((string)arguments["p_content"]!);
            return null;
        };

        List<Task<SentMessage>> sends = [.. Enumerable.Range(0, 50).Select(i => conversation.SendMessageAsync($"{i:00}"))];
        SentMessage[] sent = await Task.WhenAll(sends).InTime();

        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 50).Select(i => $"{i:00}")));
        Assert.That(sent.Select(message => message.Sequence), Is.Ordered.Ascending);
    }

    [Test]
    public async Task Message_whose_answer_was_lost_is_sent_again_and_stored_once()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var ids = new List<string>();
        world.Database.OnCall = (function, arguments, _) =>
        {
            if (function != "campfire_send_message")
                return Task.FromResult<HttpResponseMessage?>(null);
            ids.Add((string)arguments["p_id"]!);
            if (ids.Count > 1)
                return Task.FromResult<HttpResponseMessage?>(null);
            world.Database.Store("hello", Guid.Parse(ids[0]));
            throw new HttpRequestException("the connection broke");
        };

        Task<SentMessage> sending = conversation.SendMessageAsync("hello");
        SentMessage sent = await world.Time.PassUntilAsync(sending, TimeSpan.FromMilliseconds(100));

        Assert.Multiple(() =>
        {
            Assert.That(ids, Has.Count.EqualTo(2));
            Assert.That(ids.Distinct(), Has.One.Items);
            Assert.That(sent.Sequence, Is.EqualTo(1));
            Assert.That(world.Database.LastSequence, Is.EqualTo(1));
        });
    }

    [TestCase("""{"id":7}""")]
    [TestCase("{\"id\":")]
    public async Task Message_whose_answer_cannot_be_read_ends_as_unknown(string answer)
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        world.Database.OnCall = (function, _, _) =>
            Task.FromResult<HttpResponseMessage?>(function == "campfire_send_message" ? ScriptedDatabase.Json(answer) : null);

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => conversation.SendMessageAsync("hello").InTime());

        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
        Assert.That(e.Message, Does.Contain("same Id is safe").And.Contain("migrations"));
    }

    [Test]
    public async Task Message_without_an_answer_ends_as_unknown_and_says_that_sending_again_is_safe()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        world.Database.OnCall = (function, _, _) => function == "campfire_send_message" ? throw new HttpRequestException("no route") : Task.FromResult<HttpResponseMessage?>(null);

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(conversation.SendMessageAsync("hello"), TimeSpan.FromSeconds(1)));

        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
            Assert.That(e.Message, Does.Contain("safe"));
            Assert.That(e.IsTransient, Is.True);
        });
    }

    [Test]
    public async Task Request_that_the_end_of_the_client_cuts_is_not_told_as_a_timeout()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (_, _, cancellationToken) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return null;
        };
        Task<IReadOnlyList<MessageCreated>> reading = conversation.GetMessagesAsync();
        await asked.Task.InTime();

        await world.Client.DisposeAsync().InTime();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => reading.InTime());
        Assert.That((e!.Code, e.Message), Is.EqualTo((CampfireErrorCode.Unavailable, e.Message)));
        Assert.That(e.Message, Does.Contain("disposed").And.Not.Contain("did not answer"));
    }

    [Test]
    public async Task Request_that_hangs_is_given_up_and_sent_again()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        int calls = 0;
        world.Database.OnCall = async (function, _, cancellationToken) =>
        {
            if (function == "campfire_send_message" && Interlocked.Increment(ref calls) == 1)
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return null;
        };

        await world.Time.PassUntilAsync(conversation.SendMessageAsync("hello"), TimeSpan.FromSeconds(1));

        Assert.That(calls, Is.EqualTo(2));
    }

    [TestCase(HttpStatusCode.Conflict, "campfire_conflict", CampfireErrorCode.Conflict)]
    [TestCase(HttpStatusCode.UnprocessableEntity, "campfire_invalid", CampfireErrorCode.Invalid)]
    [TestCase(HttpStatusCode.Forbidden, "campfire_not_participant", CampfireErrorCode.AccessDenied)]
    [TestCase(HttpStatusCode.NotFound, "campfire_not_found", CampfireErrorCode.NotFound)]
    [TestCase(HttpStatusCode.Conflict, "campfire_stale_handler", CampfireErrorCode.StaleHandler)]
    public async Task Refused_message_fails_at_once_with_the_servers_words(HttpStatusCode status, string message, CampfireErrorCode code)
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        world.Database.OnCall = (function, _, _) => Task.FromResult(function == "campfire_send_message" ? ScriptedDatabase.Error(status, message) : null);

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => conversation.SendMessageAsync("hello").InTime());

        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(code));
            Assert.That(e.ServerReason, Is.EqualTo(message));
            Assert.That(e.Message, Does.Contain("It is so. Do otherwise."));
            Assert.That(world.Database.Calls("campfire_send_message"), Is.EqualTo(1));
        });
    }

    // While it waits for its turn, for its answer, and between two attempts.
    [TestCase("turn")]
    [TestCase("answer")]
    [TestCase("retry")]
    public async Task Cancelled_sending_ends_with_the_token_that_cancelled_it(string where)
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Database.OnCall = async (function, _, cancellationToken) =>
        {
            if (function != "campfire_send_message")
                return null;
            arrived.TrySetResult();
            if (where == "retry")
                return ScriptedDatabase.Error(HttpStatusCode.ServiceUnavailable, "busy");
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return null;
        };
        using var cancelling = new CancellationTokenSource();
        Task first = where == "turn" ? conversation.SendMessageAsync("first") : Task.CompletedTask;
        Task sending = conversation.SendMessageAsync("hello", cancelling.Token);
        await arrived.Task.InTime();
        if (where == "retry")
            await world.Time.ArmedAsync(due => due > TimeSpan.Zero && due < TimeSpan.FromMilliseconds(500));

        await cancelling.CancelAsync();

        OperationCanceledException? e = Assert.CatchAsync<OperationCanceledException>(() => sending.InTime());
        Assert.That(e!.CancellationToken, Is.EqualTo(cancelling.Token));
        await conversation.DisposeAsync().InTime();
        await first.InTime().ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Test]
    public async Task Expired_token_is_replaced_once_for_a_request()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, $"user-{Interlocked.Increment(ref asked)}")));
        (_, Conversation conversation, _) = await world.JoinedAsync();
        int refusals = 1;
        world.Database.OnCall = (_, _, _) => Task.FromResult(
            Interlocked.Decrement(ref refusals) >= 0 ? ScriptedDatabase.Error(HttpStatusCode.Unauthorized, "JWT expired", "PGRST301") : null);

        await conversation.SendMessageAsync("hello").InTime();
    }

    [Test]
    public async Task Cancelled_message_throws_cancellation_and_lets_the_next_one_through()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var arrived = new TaskCompletionSource();
        world.Database.OnCall = async (_, arguments, cancellationToken) =>
        {
            if ((string?)arguments["p_content"] != "stuck")
                return null;
            arrived.SetResult();
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return null;
        };
        using var cancelled = new CancellationTokenSource();
        Task<SentMessage> stuck = conversation.SendMessageAsync("stuck", cancelled.Token);
        await arrived.Task.InTime();
        Task<SentMessage> next = conversation.SendMessageAsync("next");

        await cancelled.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => stuck.InTime());
        await next.InTime();
    }

    [Test]
    public async Task Leaving_gives_up_what_is_on_its_way_and_says_that_sending_again_is_safe()
    {
        await using var world = new World();
        (_, Conversation conversation, _) = await world.JoinedAsync();
        var arrived = new TaskCompletionSource();
        world.Database.OnCall = async (function, _, cancellationToken) =>
        {
            if (function != "campfire_send_message")
                return null;
            arrived.TrySetResult();
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return null;
        };
        Task<SentMessage>[] sends = [conversation.SendMessageAsync("one"), conversation.SendMessageAsync("two")];
        await arrived.Task.InTime();

        await conversation.DisposeAsync().InTime();

        foreach (Task<SentMessage> send in sends)
            Assert.That(Assert.ThrowsAsync<ObjectDisposedException>(() => send.InTime())!.Message, Does.Contain("safe"));
    }

    [Test]
    public void Message_without_content_is_wrong_use() => Assert.Throws<ArgumentNullException>(() => _ = new OutgoingMessage(null!));
}

using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Channels;

public sealed class RepeatedJoinTests
{
    [Test]
    public async Task Conversation_that_was_left_can_be_joined_at_once_again_and_again()
    {
        await using var world = new World();
        await world.ConnectAsync();

        for (int i = 0; i < 200; i++)
            await (await world.JoinAsync()).DisposeAsync().InTime();

        await using Conversation last = await world.JoinAsync();
        Assert.That(last.IsLive, Is.True);
    }

    [Test]
    public async Task Right_that_is_gone_ends_the_stream_and_leaves_the_channels()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));

        socket.Broadcast(join.Topic, "message:created", world.Database.MessageJson(5));
        ValueTask<bool> next = events.MoveNextAsync();
        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => world.Time.PassUntilAsync(next.AsTask(), TimeSpan.FromMilliseconds(50)));

        SentFrame leave = await socket.SentAsync("phx_leave");
        Assert.Multiple(() =>
        {
            Assert.That(end!.Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
            Assert.That(leave.Topic, Is.EqualTo(join.Topic));
            Assert.That(conversation.State.Mode, Is.EqualTo(DeliveryMode.Ended));
        });
        await conversation.DisposeAsync().InTime();
        Assert.That(conversation.IsLive, Is.False);
    }

    [Test]
    public async Task Leaving_is_over_when_the_place_is_free_also_where_the_end_of_the_stream_has_begun_it()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        world.Server.AnswersLeaves = false;
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Error(HttpStatusCode.Forbidden, "campfire_not_participant"));
        socket.Broadcast(join.Topic, "message:created", world.Database.MessageJson(5));
        Task<SentFrame> leave = socket.SentAsync("phx_leave");
        await world.Time.PassUntilAsync(leave, TimeSpan.FromMilliseconds(50));
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(null);

        Task leaving = conversation.DisposeAsync().AsTask();
        Assert.ThrowsAsync<TimeoutException>(() => leaving.WaitAsync(TimeSpan.FromMilliseconds(100)), "the server has not answered");
        world.Server.AnswersLeaves = true;
        socket.Reply(await leave, """{"status":"ok","response":{}}""");
        await leaving.InTime();

        await using Conversation again = await world.JoinAsync();
        Assert.That(again.IsLive, Is.True);
    }

    // What a gateway, a proxy or a database in trouble may answer, and what is no verdict on the caller's right.
    [TestCase(400, null)]
    [TestCase(401, null)]
    [TestCase(402, null)]
    [TestCase(403, null)]
    [TestCase(404, null)]
    [TestCase(404, "PGRST202")]
    [TestCase(405, "25006")]
    [TestCase(403, "28P01")]
    [TestCase(413, null)]
    public async Task Stray_answer_to_a_read_of_the_log_does_not_end_the_stream(int status, string? code)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        int strays = 3;
        world.Database.OnCall = (_, _, _) => Task.FromResult(
            Interlocked.Decrement(ref strays) < 0 ? null
            : code is null ? ScriptedDatabase.Json("<html>", (HttpStatusCode)status)
            : ScriptedDatabase.Error((HttpStatusCode)status, "not now", code));
        world.Database.Store();

        socket.Broadcast(join.Topic, "message:created", world.Database.Store());
        Task<List<ConversationEvent>> both = events.TakeAsync(2);
        await world.Time.PassUntilAsync(both, TimeSpan.FromMilliseconds(200));

        Assert.That((await both).Cast<StoredEvent>().Select(stored => stored.Sequence), Is.EqualTo(new[] { 1, 2 }));
    }
}

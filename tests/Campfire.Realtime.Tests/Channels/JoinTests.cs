using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Channels;

public sealed class JoinTests
{
    [Test]
    public async Task Join_sends_config_token_and_nothing_null()
    {
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, "agent-7")));

        (_, _, SentFrame join) = await world.JoinedAsync();

        string token = World.Token(DateTimeOffset.MaxValue, "agent-7");
        Assert.Multiple(() =>
        {
            Assert.That(join.Topic, Is.EqualTo($"realtime:bcast:org:{world.Database.OrganizationId}:conv:{world.Database.ConversationId}"));
            Assert.That(join.JoinRef, Is.EqualTo(join.Ref).And.Not.Null);
            Assert.That(join.Payload!.ToJsonString(), Is.EqualTo(
                $$"""{"config":{"broadcast":{"ack":false,"self":false,"replication_ready":true},"presence":{"enabled":true,"key":"agent-7"},"postgres_changes":[],"private":true},"access_token":"{{token}}"}"""));
        });
    }

    [Test]
    public async Task Join_without_presence_states_that()
    {
        await using var world = new World(options => options.AccessToken = null);
        ScriptedSocket socket = await world.ConnectAsync();

        await using BroadcastChannel channel = await world.Client.JoinChannelAsync(ChannelName.Organization(world.Database.OrganizationId)).InTime();

        Assert.That((await socket.SentAsync("phx_join")).Payload!.ToJsonString(), Is.EqualTo(
            """{"config":{"broadcast":{"ack":false,"self":false,"replication_ready":true},"presence":{"enabled":false,"key":""},"postgres_changes":[],"private":true}}"""));
    }

    [Test]
    public async Task Join_of_what_is_joined_already_is_wrong_use_and_leaves_the_first_alone()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation first, SentFrame join) = await world.JoinedAsync();

        InvalidOperationException? e = Assert.ThrowsAsync<InvalidOperationException>(() => world.JoinAsync());
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        Assert.That(e!.Message, Does.Contain("joined").And.Contain("dispose"));
        await using IAsyncEnumerator<ConversationEvent> events = first.ReadEventsAsync().GetAsyncEnumerator();
        Assert.That(await events.NextAsync(), Is.InstanceOf<MessageCreated>());
    }

    [Test]
    public async Task Conversation_can_be_joined_again_after_it_was_left()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation first, SentFrame join) = await world.JoinedAsync();

        await first.DisposeAsync().InTime();
        SentFrame leave = await socket.SentAsync("phx_leave");
        await using Conversation second = await world.JoinAsync();

        Assert.Multiple(() =>
        {
            Assert.That((leave.JoinRef, leave.Topic), Is.EqualTo((join.JoinRef, join.Topic)));
            Assert.That(second.IsLive, Is.True);
            Assert.That(first.IsLive, Is.False);
        });
    }

    [TestCase("Unauthorized: You do not have permissions to read from this Channel topic: x", CampfireErrorCode.AccessDenied)]
    [TestCase("PrivateOnly: This project only allows private channels", CampfireErrorCode.AccessDenied)]
    [TestCase("TenantNotFound: Tenant with the given ID does not exist", CampfireErrorCode.AccessDenied)]
    public async Task Join_refused_for_good_ends_with_the_reason_and_is_not_repeated(string reason, CampfireErrorCode code)
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();

        socket.Reply(await socket.SentAsync("phx_join"), Refusal(reason));

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => joining);
        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(code));
            Assert.That(e.ServerReason, Is.EqualTo(reason));
            Assert.That(socket.TakeSent().Select(frame => frame.Event), Has.None.EqualTo("phx_join"));
        });
    }

    [Test]
    public async Task Token_refused_at_the_join_is_replaced_at_once_and_three_times_at_most()
    {
        int asked = 0;
        await using var world = new World(options => options.AccessToken = _ => ValueTask.FromResult(World.Token(DateTimeOffset.MaxValue, $"user-{Interlocked.Increment(ref asked)}")));
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();
        var keys = new List<string>();
        for (int i = 0; i < 4; i++)
        {
            Task<SentFrame> join = socket.SentAsync("phx_join");
            await world.Time.PassUntilAsync(join, TimeSpan.FromMilliseconds(i < 2 ? 0 : 250));
            keys.Add((string)(await join).Payload!["config"]!["presence"]!["key"]!);
            socket.Reply(await join, Refusal("InvalidJWTToken: Token has expired 3 seconds ago"));
        }

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => joining);
        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.InvalidToken));
            Assert.That(keys, Is.Unique);
        });
    }

    [TestCase("{\"status\":\"error\",\"response\":{\"reason\":\"RealtimeRestarting: Realtime is restarting, please standby\"}}")]
    [TestCase("{\"status\":\"error\",\"response\":{}}")]
    [TestCase("{\"status\":7}")]
    public async Task Join_refused_for_the_moment_is_tried_again(string answer)
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();

        socket.Reply(await socket.SentAsync("phx_join"), answer);
        world.Server.AnswersJoins = true;

        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));
    }

    [Test]
    public async Task Join_refused_for_lack_of_room_waits_five_seconds_and_more()
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();
        world.Time.ForgetArmed();

        socket.Reply(await socket.SentAsync("phx_join"), Refusal("ChannelRateLimitReached: Too many channels"));
        world.Server.AnswersJoins = true;

        TimeSpan wait = await world.Time.ArmedAsync(due => due is { TotalSeconds: >= 5 and <= 60 } && due != CampfireClientOptions.DefaultReplyTimeout);
        world.Time.Advance(wait + TimeSpan.FromMilliseconds(1));
        await joining;
    }

    [Test]
    public async Task Join_that_is_never_answered_is_left_and_tried_again()
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        Task<Conversation> joining = world.JoinAsync();
        SentFrame join = await socket.SentAsync("phx_join");
        world.Server.AnswersJoins = true;

        Task<SentFrame> leave = socket.SentAsync("phx_leave");
        await world.Time.PassUntilAsync(leave, TimeSpan.FromSeconds(1));
        await world.Time.PassUntilAsync(joining, TimeSpan.FromMilliseconds(100));

        Assert.That((await leave).JoinRef, Is.EqualTo(join.JoinRef));
    }

    [Test]
    public async Task Join_given_up_by_the_caller_is_left_so_that_the_server_keeps_no_ghost()
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        using var cancelled = new CancellationTokenSource();
        Task<Conversation> joining = world.Client.JoinConversationAsync(world.Database.OrganizationId, world.Database.ConversationId, cancelled.Token);
        SentFrame join = await socket.SentAsync("phx_join");

        await cancelled.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => joining.InTime());
        Assert.That((await socket.SentAsync("phx_leave")).JoinRef, Is.EqualTo(join.JoinRef));
    }

    [Test]
    public async Task Joins_wait_for_their_turn_and_survive_the_loss_of_the_link()
    {
        await using var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket first = await world.ConnectAsync();
        List<Task<BroadcastChannel>> joins = [.. Enumerable.Range(0, 10).Select(_ => world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())))];
        await first.SentAsync("phx_join");
        Assert.That(first.TakeSent(), Is.Empty, "the second join waits for the answer to the first");
        world.Server.AnswersJoins = true;

        first.Break();
        await world.RetryAsync();

        await Task.WhenAll(joins).InTime();
    }

    [Test]
    public async Task Dispose_ends_joins_at_every_stage()
    {
        var world = new World();
        world.Server.AnswersJoins = false;
        ScriptedSocket socket = await world.ConnectAsync();
        List<Task> joins = [.. Enumerable.Range(0, 5).Select(_ => (Task)world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())))];
        joins.Add(world.JoinAsync());
        await socket.SentAsync("phx_join");

        Task disposing = world.Client.DisposeAsync().AsTask();
        await world.Time.PassUntilAsync(disposing, TimeSpan.FromMilliseconds(500));

        foreach (Task join in joins)
            Assert.CatchAsync<ObjectDisposedException>(() => join.InTime());
    }

    [Test]
    public async Task Dispose_under_new_joins_leaves_none_waiting([Range(1, 30)] int run)
    {
        var world = new World(isTimeReal: true);
        await world.ConnectAsync();
        using var start = new ManualResetEventSlim();
        Task[] joins = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            start.Wait();
            await world.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()));
        }))];

        start.Set();
        if (run % 3 > 0)
            await Task.WhenAny(joins).InTime();
        await world.Client.DisposeAsync().InTime();

        await Task.WhenAll(joins).InTime().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(joins, Has.All.Matches<Task>(join => join.IsCompletedSuccessfully || join.Exception?.InnerException is ObjectDisposedException));
    }

    [Test]
    public async Task Stranger_is_refused_before_anything_is_joined()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        world.Database.OnCall = (_, _, _) => Task.FromResult<HttpResponseMessage?>(ScriptedDatabase.Error(System.Net.HttpStatusCode.NotFound, "campfire_not_found"));

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => world.JoinAsync());

        Assert.Multiple(() =>
        {
            Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.NotFound));
            Assert.That(socket.TakeSent(), Is.Empty);
        });
    }

    [TestCase(-1)]
    [TestCase(4)]
    public async Task Join_resuming_where_no_event_is_wrong_use(long resumeAfter)
    {
        await using var world = new World();
        await world.ConnectAsync();
        for (int i = 0; i < 3; i++)
            world.Database.Store();

        Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => world.JoinAsync(resumeAfter));
    }

    private static string Refusal(string reason) => $$$"""{"status":"error","response":{"reason":"{{{reason}}}"}}""";
}

using System.Text;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

public sealed class ConnectionTests
{
    [Test]
    public async Task Connect_asks_for_version_2_with_the_key_and_says_connected()
    {
        await using var world = new World();

        await world.ConnectAsync();

        Assert.Multiple(() =>
        {
            Assert.That(world.Server.LastAddress, Is.EqualTo(new Uri("ws://supabase.test/realtime/v1/websocket?apikey=sb_publishable_key&vsn=2.0.0")));
            Assert.That(world.Client.Status, Is.EqualTo(new CampfireStatus(CampfireConnectionState.Connected)));
        });
    }

    [Test]
    public async Task Connect_twice_opens_one_socket()
    {
        await using var world = new World();

        await Task.WhenAll(world.Client.ConnectAsync(), world.Client.ConnectAsync()).InTime();
        await world.Client.ConnectAsync().InTime();

        Assert.That(world.Server.Connects, Is.EqualTo(1));
    }

    [TestCase(401, CampfireErrorCode.InvalidApiKey)]
    [TestCase(403, CampfireErrorCode.AccessDenied)]
    [TestCase(404, CampfireErrorCode.AccessDenied)]
    public async Task Connect_refused_for_good_says_why_and_stops_trying(int status, CampfireErrorCode code)
    {
        await using var world = new World();
        world.Server.OnConnect = _ => new SocketRefusedException(status, "the server's words", null);

        CampfireException? refusal = Assert.ThrowsAsync<CampfireException>(() => world.Client.ConnectAsync().InTime());

        Assert.Multiple(() =>
        {
            Assert.That(refusal!.Code, Is.EqualTo(code));
            Assert.That(refusal.ServerReason, Is.EqualTo("the server's words"));
            Assert.That(refusal.IsTransient, Is.False);
            Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Disconnected));
            Assert.That(world.Server.Connects, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task Connect_after_a_refusal_tries_anew()
    {
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new SocketRefusedException(401, "no", null) : null;
        Assert.ThrowsAsync<CampfireException>(() => world.Client.ConnectAsync().InTime());

        await world.Client.ConnectAsync().InTime();

        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Connected));
    }

    [Test]
    public async Task Connect_without_a_server_gives_up_after_the_timeout_with_the_last_reason_and_the_client_goes_on()
    {
        await using var world = new World();
        world.Server.OnConnect = _ => new IOException("connection refused");
        Task connecting = world.Client.ConnectAsync();

        CampfireException? failure = Assert.ThrowsAsync<CampfireException>(
            () => world.Time.PassUntilAsync(connecting, TimeSpan.FromSeconds(1)));
        world.Server.OnConnect = _ => null;

        Assert.Multiple(() =>
        {
            Assert.That(failure!.Code, Is.EqualTo(CampfireErrorCode.Unavailable));
            Assert.That(failure.Message, Does.Contain("within 30 s").And.Contain("connection refused"));
        });
        await world.Time.PassUntilAsync(world.StatusAsync(CampfireConnectionState.Connected), TimeSpan.FromSeconds(1));
    }

    [Test]
    public async Task Connect_cancelled_ends_the_wait_and_not_the_trying()
    {
        await using var world = new World();
        var gate = new TaskCompletionSource();
        world.Server.ConnectGate = gate.Task;
        using var cancelled = new CancellationTokenSource();
        Task connecting = world.Client.ConnectAsync(cancelled.Token);

        await cancelled.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => connecting.InTime());
        gate.SetResult();

        await world.StatusAsync(CampfireConnectionState.Connected).InTime();
    }

    [TestCase(500)]
    [TestCase(503)]
    [TestCase(418)]
    public async Task Connect_refused_for_the_moment_is_tried_again_after_a_drawn_delay(int status)
    {
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new SocketRefusedException(status, null, null) : null;
        Task connecting = world.Client.ConnectAsync();

        CampfireStatus waiting = await world.RetryAsync();
        await connecting.InTime();

        Assert.Multiple(() =>
        {
            Assert.That(waiting.State, Is.EqualTo(CampfireConnectionState.Connecting));
            Assert.That(waiting.Attempt, Is.EqualTo(2));
            Assert.That(waiting.NextRetryIn, Is.LessThanOrEqualTo(CampfireClientOptions.DefaultReconnectBaseDelay));
            Assert.That(waiting.Reason, Does.Contain($"{status}"));
        });
    }

    [Test]
    public async Task Connect_refused_for_lack_of_room_waits_longer()
    {
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new SocketRefusedException(429, "Too many connected users", null) : null;
        Task connecting = world.Client.ConnectAsync();

        CampfireStatus waiting = await world.RetryAsync();
        await connecting.InTime();

        Assert.That(waiting.NextRetryIn, Is.InRange(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(60)));
    }

    [Test]
    public async Task Connect_that_fails_in_an_unknown_way_is_tried_again()
    {
        await using var world = new World();
        world.Server.OnConnect = number => number == 1 ? new FormatException("garbage") : null;
        Task connecting = world.Client.ConnectAsync();

        await world.RetryAsync();

        await connecting.InTime();
    }

    [Test]
    public async Task Connect_that_is_never_answered_is_given_up_after_the_request_timeout_and_tried_again()
    {
        await using var world = new World();
        world.Server.ConnectGate = new TaskCompletionSource().Task;
        Task connecting = world.Client.ConnectAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultReplyTimeout);
        world.Server.ConnectGate = Task.CompletedTask;

        world.Time.Advance(CampfireClientOptions.DefaultReplyTimeout);
        await world.RetryAsync();

        await connecting.InTime();
    }

    [Test]
    public async Task Reconnect_met_by_a_gateway_without_routes_goes_on_trying()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        world.Server.OnConnect = number => number == 2 ? new SocketRefusedException(404, null, null) : null;

        socket.Break();
        await world.RetryAsync();
        await world.Client.WatchStatusAsync().FirstAsync(status => status.Reason == "HTTP 404" && status.NextRetryIn is not null);
        await world.RetryAsync();

        await world.StatusAsync(CampfireConnectionState.Connected).InTime();
    }

    [Test]
    public async Task Reconnect_refused_in_Realtimes_own_words_ends_what_was_joined_with_the_reason()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, _) = await world.JoinedAsync();
        world.Server.OnConnect = _ => new SocketRefusedException(403, "Realtime was disabled for this tenant", null);
        await using IAsyncEnumerator<Protocol.ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Task<bool> reading = events.MoveNextAsync().InTime();

        socket.Break();
        await world.RetryAsync();

        CampfireException? end = Assert.ThrowsAsync<CampfireException>(() => reading);
        Assert.That(end!.ServerReason, Is.EqualTo("Realtime was disabled for this tenant"));
    }

    [Test]
    public async Task Server_that_accepts_and_hangs_up_is_met_at_growing_intervals()
    {
        await using var world = new World(options => options.ReconnectMaxDelay = TimeSpan.FromHours(1));
        ScriptedSocket socket = await world.ConnectAsync();
        var attempts = new List<int>();
        for (int i = 0; i < 5; i++)
        {
            socket.Close(1000);
            attempts.Add((await world.RetryAsync()).Attempt);
            socket = await world.Server.NextSocketAsync();
            await world.StatusAsync(CampfireConnectionState.Connected).InTime();
        }

        Assert.That(attempts, Is.EqualTo(new[] { 2, 3, 4, 5, 6 }));
    }

    [Test]
    public async Task Close_1001_is_taken_as_lack_of_room()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();

        socket.Close(1001);

        CampfireStatus waiting = await world.RetryAsync();
        Assert.That(waiting.NextRetryIn, Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(5)));
    }

    [TestCase("")]
    [TestCase("{}")]
    [TestCase("[]")]
    [TestCase("not json")]
    [TestCase("[null,null,1,2,3]")]
    [TestCase("[null,\"77\",\"phoenix\",\"phx_reply\",{\"status\":\"ok\",\"response\":{}}]")]
    [TestCase("[null,\"x\",\"phoenix\",\"phx_reply\",[]]")]
    [TestCase("[null,null,\"realtime:elsewhere\",\"whatever\",null]")]
    public async Task Odd_frame_is_dropped_and_the_link_goes_on(string text)
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();

        socket.Receive(text);
        socket.ReceiveBinary([]);
        socket.ReceiveBinary([9, 1, 2]);
        socket.ReceiveBinary([4, 200, 200, 0, 1]);
        socket.Broadcast(join.Topic, "message:created", world.Database.Store());

        await using IAsyncEnumerator<Protocol.ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Assert.That(((Protocol.StoredEvent)await events.NextAsync()).Sequence, Is.EqualTo(1));
    }

    [Test]
    public async Task Message_of_a_million_bytes_is_read()
    {
        await using var world = new World();
        (ScriptedSocket socket, Conversation conversation, SentFrame join) = await world.JoinedAsync();
        string content = new('x', 1_000_000);

        socket.Broadcast(join.Topic, "message:created", world.Database.Store(content));

        await using IAsyncEnumerator<Protocol.ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();
        Assert.That(((Protocol.MessageCreated)await events.NextAsync()).Content, Is.EqualTo(content));
    }

    [Test]
    public async Task Message_that_never_ends_costs_the_link_and_not_the_memory()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        byte[] part = Encoding.UTF8.GetBytes(new string('x', 1_000_000));

        for (int i = 0; i < 20; i++)
            socket.ReceivePart(part, isEnd: false);

        CampfireStatus status = await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        Assert.That(status.Reason, Does.Contain("above 5000000 bytes"));
    }

    [Test]
    public async Task Message_just_above_the_limit_ends_the_connection_as_well()
    {
        await using var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();

        socket.Receive($"[null,null,\"t\",\"e\",\"{new string('x', 5_000_000)}\"]");

        CampfireStatus status = await world.StatusAsync(CampfireConnectionState.Reconnecting).InTime();
        Assert.That(status.Reason, Does.Contain("above 5000000 bytes"));
    }

    [Test]
    public async Task Dispose_says_goodbye_closes_the_socket_and_ends_the_status()
    {
        var world = new World();
        ScriptedSocket socket = await world.ConnectAsync();
        Task<CampfireStatus> closed = world.StatusAsync(CampfireConnectionState.Closed);

        await world.Client.DisposeAsync().InTime();
        await world.Client.DisposeAsync().InTime();

        await socket.Goodbye.InTime();
        await socket.Disposed.InTime();
        await closed.InTime();
        Assert.ThrowsAsync<ObjectDisposedException>(() => world.Client.ConnectAsync());
        Assert.ThrowsAsync<ObjectDisposedException>(() => world.JoinAsync());
    }

    [Test]
    public async Task Dispose_before_connecting_is_fine()
    {
        var world = new World();

        await world.Client.DisposeAsync().InTime();

        Assert.That(world.Client.Status.State, Is.EqualTo(CampfireConnectionState.Closed));
    }

    [Test]
    public async Task Dispose_while_connecting_ends_the_wait()
    {
        var world = new World();
        world.Server.ConnectGate = new TaskCompletionSource().Task;
        Task connecting = world.Client.ConnectAsync();
        await world.Time.ArmedAsync(CampfireClientOptions.DefaultReplyTimeout);

        await world.Client.DisposeAsync().InTime();

        Assert.ThrowsAsync<ObjectDisposedException>(() => connecting.InTime());
    }

    [Test]
    public async Task Dispose_while_waiting_for_the_next_attempt_does_not_wait()
    {
        var world = new World();
        world.Server.OnConnect = _ => new IOException("down");
        Task connecting = world.Client.ConnectAsync();
        await world.Client.WatchStatusAsync().FirstAsync(status => status.NextRetryIn is not null);

        await world.Client.DisposeAsync().InTime();

        Assert.ThrowsAsync<ObjectDisposedException>(() => connecting.InTime());
    }

    [Test]
    public void Join_before_connect_says_what_to_do()
    {
        var world = new World();

        InvalidOperationException? e = Assert.ThrowsAsync<InvalidOperationException>(() => world.JoinAsync());

        Assert.That(e!.Message, Does.Contain("Await ConnectAsync"));
    }
}

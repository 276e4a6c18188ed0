using System.Net.WebSockets;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Tests.Channels;

// A channel whose owner holds it up between the end of its membership and what follows from that.
public sealed class ChannelSessionTests
{
    [Test]
    public async Task Words_of_the_server_count_also_when_it_hangs_up_behind_them_and_the_right_is_gone()
    {
        await using var scene = new Scene();
        SentFrame join = await scene.JoinAsync();

        scene.Socket.SystemError(join, "You no longer have permission to read from this Channel topic: x");
        scene.Socket.CloseChannel(join);
        scene.Socket.Close((int)WebSocketCloseStatus.NormalClosure);
        await scene.LoseLinkAsync();

        Assert.That((await scene.Sink.Ended.InTime()).Code, Is.EqualTo(CampfireErrorCode.AccessWithdrawn));
    }

    [Test]
    public async Task Words_of_the_server_count_also_when_it_hangs_up_behind_them_and_typing_gives_way()
    {
        await using var scene = new Scene();
        SentFrame join = await scene.JoinAsync();

        scene.Socket.SystemError(join, "Too many messages per second");
        scene.Socket.CloseChannel(join);
        scene.Socket.Close((int)WebSocketCloseStatus.EndpointUnavailable);
        await scene.LoseLinkAsync();
        await scene.RejoinAsync();

        Assert.That(scene.Budget.IsTight, Is.True);
    }

    // The next frame is there before anybody else hears of the answer.
    [Test]
    public async Task Channel_is_joined_for_what_comes_right_behind_the_answer_to_its_join()
    {
        await using var scene = new Scene();
        scene.Server.OnSent = (socket, frame) =>
        {
            if (frame.Event != "phx_join")
                return false;
            socket.Reply(frame, """{"status":"ok","response":{"postgres_changes":[]}}""");
            socket.Broadcast(frame.Topic, "some:event", "{}");
            return true;
        };

        await scene.JoinAsync();

        Assert.That(await scene.Sink.WasJoinedAtBroadcast.InTime(), Is.True);
        scene.Sink.Release();
    }

    // The caller's next call, to be shown for example, is on the channel that its owner knows to be joined.
    [Test]
    public async Task Owner_hears_of_the_join_before_the_caller_does()
    {
        await using var scene = new Scene();
        var joining = new TaskCompletionSource<Task>();
        var wasCallerFirst = new TaskCompletionSource<bool>();
        scene.Sink.Joined = () => wasCallerFirst.TrySetResult(joining.Task.Result.Wait(TimeSpan.FromMilliseconds(200)));

        await scene.ConnectAsync();
        joining.SetResult(scene.Session.JoinAsync(CancellationToken.None));

        Assert.That(await wasCallerFirst.Task.InTime(), Is.False);
        await (await joining.Task).InTime();
        scene.Sink.Release();
    }

    [Test]
    public async Task Join_that_begins_after_the_client_left_the_channel_ends_without_a_word()
    {
        await using var scene = new Scene();

        await scene.Session.DisposeAsync().InTime();
        Assert.CatchAsync<ObjectDisposedException>(() => scene.Session.JoinAsync(CancellationToken.None).InTime());

        // Waits for the loop, and would bring its failure.
        await scene.Session.DisposeAsync().InTime();
    }

    private sealed class Scene : IAsyncDisposable
    {
        private readonly ScriptedServer _server = new();
        private readonly ManualTime _time = new();
        private readonly ConnectionPool _pool;
        public Scene()
        {
            Budget = new RealtimeBudget(timeProvider: _time) { JoinsPerSecond = int.MaxValue };
            var options = new CampfireClientOptions { Url = new Uri("http://supabase.test"), ApiKey = "sb_publishable_key", TimeProvider = _time };
            var registry = new ChannelRegistry(Budget);
            var backoff = new Backoff(options.ReconnectBaseDelay, options.ReconnectMaxDelay, new Random(7));
            _pool = new ConnectionPool(options, _server.NewSocket, registry, backoff, NullLogger.Instance);
            var services = new ChannelServices(options, _pool, registry, new AccessTokenSource(null, _time, options.RequestTimeout), backoff, Budget, NullLogger.Instance);
            Session = new ChannelSession(ChannelName.Organization(Guid.CreateVersion7()), this, Sink, isPresenceEnabled: false, services);
            Sink.IsJoined = () => Session.IsJoined;
        }

        public ScriptedServer Server => _server;

        public RealtimeBudget Budget { get; }

        public HoldingSink Sink { get; } = new();

        public ChannelSession Session { get; }

        public ScriptedSocket Socket { get; private set; } = null!;

        public async Task ConnectAsync()
        {
            await _pool.ConnectAsync(CancellationToken.None).InTime();
            Socket = await _server.NextSocketAsync();
        }

        public async Task<SentFrame> JoinAsync()
        {
            await ConnectAsync();
            await Session.JoinAsync(CancellationToken.None).InTime();
            return await Socket.SentAsync("phx_join");
        }

        // The channel goes on when the link is certainly lost; no time passes, so there is no other one.
        public async Task LoseLinkAsync()
        {
            await _pool.Status.WatchAsync(CancellationToken.None).FirstAsync(status => status.NextRetryIn is not null);
            Sink.Release();
        }

        public async Task RejoinAsync()
        {
            Task<ScriptedSocket> next = _server.NextSocketAsync();
            await _time.PassUntilAsync(next, TimeSpan.FromSeconds(1));
            await (await next).SentAsync("phx_join");
        }

        public async ValueTask DisposeAsync()
        {
            await Session.DisposeAsync().InTime();
            await _pool.DisposeAsync().InTime();
        }
    }

    private sealed class HoldingSink : IChannelSink
    {
        private readonly TaskCompletionSource<CampfireException> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private readonly TaskCompletionSource<bool> _broadcast = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<CampfireException> Ended => _ended.Task;

        public Task<bool> WasJoinedAtBroadcast => _broadcast.Task;

        public Func<bool> IsJoined { get; set; } = () => false;

        public Action Joined { get; set; } = () => { };

        public void Release() => _released.TrySetResult();

        public void OnBroadcast(in BroadcastView broadcast) => _broadcast.TrySetResult(IsJoined());

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined() => Joined();

        public void OnDatabaseStreaming()
        {
        }

        public void OnInterrupted(string reason) => _released.Task.Wait(Within.Deadline);

        public void OnEnded(CampfireException reason) => _ended.TrySetResult(reason);
    }
}

using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tests.Support;

public enum ChannelState
{
    WaitingForLink,
    Joining,
    Joined,
    Interrupted,
    Rejoining,
    Ended,
    Left,
}

// A channel that has been brought to a state, with what a test needs to bring it on from there.
internal sealed class ChannelStage : IAsyncDisposable
{
    // All other timers are those of delays that were drawn.
    private static readonly TimeSpan[] Undrawn =
    [
        CampfireClientOptions.DefaultHeartbeatInterval, CampfireClientOptions.DefaultHeartbeatTimeout, CampfireClientOptions.DefaultReplyTimeout,
        CampfireClientOptions.DefaultOperationTimeout, CampfireClientOptions.DefaultIdleTimeout, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1),
    ];

    private readonly CancellationTokenSource _givenUp = new();
    private BroadcastChannel? _channel;
    private IAsyncEnumerator<ChannelBroadcast>? _reader;

    private ChannelStage(Action<CampfireClientOptions>? configure) => World = new World(options =>
    {
        options.Budget = Budget = new RealtimeBudget(timeProvider: options.TimeProvider) { JoinsPerSecond = int.MaxValue };
        configure?.Invoke(options);
    });

    public World World { get; }

    public RealtimeBudget Budget { get; private set; } = null!;

    public ScriptedSocket Socket { get; set; } = null!;

    // The last join that the server has met.
    public SentFrame Join { get; private set; } = null!;

    public ChannelName Name { get; } = ChannelName.Organization(Guid.CreateVersion7());

    public Task<BroadcastChannel> Joining { get; private set; } = null!;

    // How long an interrupted channel waits before its next join.
    public TimeSpan Delay { get; private set; }

    // What a reader of the channel waits for; it ends with the channel.
    public Task<bool> Reading { get; private set; } = null!;

    public BroadcastChannel? Channel => _channel;

    public static async Task<ChannelStage> ReachAsync(ChannelState state, Action<CampfireClientOptions>? configure = null)
    {
        var stage = new ChannelStage(configure);
        await stage.ReachAsync(state);
        return stage;
    }

    // Waits until the channel waits for its next join, and lets that time pass.
    public async Task<TimeSpan> PassDelayAsync()
    {
        TimeSpan delay = await World.Time.ArmedAsync(IsDrawn);
        World.Time.Advance(delay + TimeSpan.FromMilliseconds(1));
        return delay;
    }

    public async Task<SentFrame> NextJoinAsync() => Join = await Socket.SentAsync("phx_join");

    // Brings the connection back after a loss.
    public async Task ReconnectAsync()
    {
        await World.RetryAsync();
        Socket = await World.Server.NextSocketAsync();
    }

    // Joins another channel: what the first one had to send before that has been sent.
    public async Task<IReadOnlyList<SentFrame>> FramesUntilAnotherJoinAsync()
    {
        World.Server.AnswersJoins = true;
        await World.Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7())).InTime();
        IReadOnlyList<SentFrame> frames = Socket.TakeSent();
        return [.. frames.Where(frame => frame.Event is "phx_join" or "phx_leave").SkipLast(1)];
    }

    public void Refuse(string reason) => Socket.Reply(Join, $$$"""{"status":"error","response":{"reason":"{{{reason}}}"}}""");

    public void Accept() => Socket.Reply(Join, """{"status":"ok","response":{"postgres_changes":[]}}""");

    public void Close(string? message = null)
    {
        if (message is not null)
            Socket.SystemError(Join, message);
        Socket.CloseChannel(Join);
    }

    // Completes when the channel hears the server.
    public async Task BeLiveAsync()
    {
        _channel ??= await Joining.InTime();
        Read();
        Socket.Broadcast(Join.Topic, "some:event", "{}");
        Assert.That(await Reading.InTime(), Is.True);
        Assert.That(_channel.IsLive, Is.True);
    }

    // What the application does to be rid of the channel.
    public async Task LeaveAsync()
    {
        if (_channel is not null)
        {
            await _channel.DisposeAsync().InTime();
            return;
        }

        await _givenUp.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => Joining.InTime());
    }

    public async ValueTask DisposeAsync()
    {
        World.Server.AnswersLeaves = true;
        await World.DisposeAsync();
        _givenUp.Dispose();
    }

    private async Task ReachAsync(ChannelState state)
    {
        Socket = await World.ConnectAsync();
        if (state is ChannelState.WaitingForLink)
        {
            Socket.Break();
            await World.Client.WatchStatusAsync().FirstAsync(status => status.NextRetryIn is not null);
            Joining = World.Client.JoinChannelAsync(Name, _givenUp.Token);
            return;
        }

        World.Server.AnswersJoins = state is not ChannelState.Joining;
        Joining = World.Client.JoinChannelAsync(Name, _givenUp.Token);
        Join = await Socket.SentAsync("phx_join");
        if (state is ChannelState.Joining)
            return;

        _channel = await Joining.InTime();
        Read();
        switch (state)
        {
            case ChannelState.Interrupted:
                World.Server.AnswersJoins = false;
                World.Time.ForgetArmed();
                Close();
                Delay = await World.Time.ArmedAsync(IsDrawn);
                break;
            case ChannelState.Rejoining:
                World.Server.AnswersJoins = false;
                World.Time.ForgetArmed();
                Close();
                await PassDelayAsync();
                await NextJoinAsync();
                break;
            case ChannelState.Ended:
                Close("You no longer have permission to read from this Channel topic: x");
                Assert.ThrowsAsync<CampfireException>(() => Reading.InTime());
                break;
            case ChannelState.Left:
                await _channel.DisposeAsync().InTime();
                break;
        }
    }

    // A token's refresh is longer: it is set behind the join, perhaps after what was set before has been forgotten.
    private static bool IsDrawn(TimeSpan due) => !Undrawn.Contains(due) && due <= TimeSpan.FromMinutes(1);

    private void Read()
    {
        _reader ??= _channel!.ReadAsync().GetAsyncEnumerator();
        if (Reading is null or { IsCompletedSuccessfully: true })
            Reading = _reader.MoveNextAsync().AsTask();
    }
}

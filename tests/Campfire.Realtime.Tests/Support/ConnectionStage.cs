using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tests.Support;

public enum Stage
{
    NeverConnected,
    RefusedForGood,
    Resting,
    Connecting,
    ConnectingWaits,
    ConnectingWaitsForRoom,
    Connected,
    Reconnecting,
    ReconnectingWaits,
    Closed,
}

// A client whose connection has been brought to a state, with what a test needs to bring it on from there.
internal sealed class ConnectionStage : IAsyncDisposable
{
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ConnectionStage(Action<CampfireClientOptions>? configure) => World = new World(options =>
    {
        // Whoever waits for the connection must not lose patience before a limit is over.
        options.ConnectTimeout = TimeSpan.FromMinutes(10);
        configure?.Invoke(options);
    });

    public World World { get; }

    public CampfireClient Client => World.Client;

    public CampfireStatus Status => World.Client.Status;

    public ScriptedSocket? Socket { get; private set; }

    // Somebody who waits for the connection, where there is something to wait for.
    public Task? Caller { get; private set; }

    public static async Task<ConnectionStage> ReachAsync(Stage stage, Action<CampfireClientOptions>? configure = null)
    {
        var reached = new ConnectionStage(configure);
        await reached.ReachAsync(stage);
        return reached;
    }

    // Answers the attempt that is under way, and each later one with a connection.
    public void Answer(Exception? refusal)
    {
        int number = World.Server.Connects;
        World.Server.OnConnect = connect => connect == number ? refusal : null;
        OpenGate();
    }

    // The attempt that is under way is never answered; the next one is.
    public void LeaveUnanswered() => World.Server.ConnectGate = Task.CompletedTask;

    // Lets a connection come about from where it is waited for.
    public async Task ReleaseAsync()
    {
        OpenGate();
        if (Status.NextRetryIn is not null)
            await World.RetryAsync();
    }

    public Task<CampfireStatus> WaitingAsync() => Client.WatchStatusAsync().FirstAsync(status => status.NextRetryIn is not null);

    public Task<BroadcastChannel> JoinAsync(CancellationToken cancellationToken = default) =>
        Client.JoinChannelAsync(ChannelName.Organization(Guid.CreateVersion7()), cancellationToken);

    public ValueTask DisposeAsync() => World.DisposeAsync();

    private async Task ReachAsync(Stage stage)
    {
        switch (stage)
        {
            case Stage.NeverConnected:
                break;
            case Stage.RefusedForGood:
                World.Server.OnConnect = _ => new SocketRefusedException(401, "no such key", null);
                Assert.ThrowsAsync<CampfireException>(() => Client.ConnectAsync().InTime());
                World.Server.OnConnect = _ => null;
                break;
            case Stage.Resting:
                Socket = await World.ConnectAsync();
                await (await JoinAsync().InTime()).DisposeAsync();
                await World.Time.PassAsync(CampfireClientOptions.DefaultIdleTimeout);
                await World.StatusAsync(CampfireConnectionState.Disconnected).InTime();
                await Socket.Disposed.InTime();
                break;
            case Stage.Connecting:
                await HoldAttemptAsync(Client.ConnectAsync);
                break;
            case Stage.ConnectingWaits:
                await WaitAsync(new SocketRefusedException(503, null, null));
                break;
            case Stage.ConnectingWaitsForRoom:
                await WaitAsync(new SocketRefusedException(429, "Too many connected users", null));
                break;
            case Stage.Connected:
                Socket = await World.ConnectAsync();
                break;
            case Stage.Reconnecting:
                await LoseAsync();
                await HoldAttemptAsync(async cancellationToken =>
                {
                    await World.RetryAsync();
                    await Client.ConnectAsync(cancellationToken);
                });
                break;
            case Stage.ReconnectingWaits:
                await LoseAsync();
                Caller = Client.ConnectAsync();
                break;
            case Stage.Closed:
                Socket = await World.ConnectAsync();
                await World.DisposeAsync();
                break;
        }
    }

    private async Task WaitAsync(Exception refusal)
    {
        World.Server.OnConnect = number => number == 1 ? refusal : null;
        Caller = Client.ConnectAsync();
        await WaitingAsync();
    }

    private async Task LoseAsync()
    {
        Socket = await World.ConnectAsync();
        Socket.Break();
        await WaitingAsync();
    }

    private async Task HoldAttemptAsync(Func<CancellationToken, Task> start)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        World.Server.ConnectGate = _gate.Task;
        World.Server.OnAttempt = () => met.TrySetResult();
        Caller = start(CancellationToken.None);
        await met.Task.InTime();
    }

    private void OpenGate()
    {
        World.Server.ConnectGate = Task.CompletedTask;
        _gate.TrySetResult();
    }
}

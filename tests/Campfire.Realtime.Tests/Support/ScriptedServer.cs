using System.Threading.Channels;
using Campfire.Realtime.Connection;

namespace Campfire.Realtime.Tests.Support;

// The other end of every socket that a client opens.
internal sealed class ScriptedServer
{
    private readonly Channel<ScriptedSocket> _sockets = Channel.CreateUnbounded<ScriptedSocket>();
    private int _connects;

    // What a connect meets, by its number from 1: an exception, or null for a connection.
    public Func<int, Exception?> OnConnect { get; set; } = _ => null;

    // A connect waits for this; a test may hold it back.
    public Task ConnectGate { get; set; } = Task.CompletedTask;

    // Hears of a connect before it waits for the gate.
    public Action OnAttempt { get; set; } = () => { };

    // Whether joins, leaves and heartbeats are answered without being asked to.
    public bool AnswersJoins { get; set; } = true;

    public bool AnswersHeartbeats { get; set; } = true;

    public bool AnswersLeaves { get; set; } = true;

    // Takes a frame before the answers above do, when it returns true.
    public Func<ScriptedSocket, SentFrame, bool> OnSent { get; set; } = (_, _) => false;

    public Action<ScriptedSocket> OnConnected { get; set; } = _ => { };

    public int Connects => Volatile.Read(ref _connects);

    public Uri? LastAddress { get; private set; }

    public IRealtimeSocket NewSocket() => new ScriptedSocket(this);

    public Task<ScriptedSocket> NextSocketAsync() => _sockets.Reader.ReadAsync().InTime();

    internal async Task ConnectAsync(ScriptedSocket socket, Uri address, CancellationToken cancellationToken)
    {
        LastAddress = address;
        int number = Interlocked.Increment(ref _connects);
        OnAttempt();
        await ConnectGate.WaitAsync(cancellationToken);
        if (OnConnect(number) is { } refusal)
            throw refusal;
        OnConnected(socket);
        _sockets.Writer.TryWrite(socket);
    }
}

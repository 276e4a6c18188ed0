using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

/// <summary>The sockets of one client: one, and further ones while there are more channels than a socket may carry.</summary>
internal sealed class ConnectionPool : IAsyncDisposable
{
    private const int StatusBacklog = 64;

    private readonly CampfireClientOptions _options;
    private readonly Func<IRealtimeSocket> _newSocket;
    private readonly IFrameReceiver _receiver;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly List<ConnectionLoop> _loops = [];
    private volatile bool _wasAccepted;
    private bool _isClosed;

    public ConnectionPool(CampfireClientOptions options, Func<IRealtimeSocket> newSocket, IFrameReceiver receiver, Backoff backoff, ILogger logger)
    {
        _options = options;
        _newSocket = newSocket;
        _receiver = receiver;
        _backoff = backoff;
        _logger = logger;
        _loops.Add(NewLoop());
    }

    /// <summary>The state of the sockets together: that of the one which is worst off.</summary>
    public StatusBoard Status { get; } = new(new CampfireStatus(CampfireConnectionState.Disconnected), StatusBacklog);

    /// <summary>Whether the server has accepted the address and the key before, on whichever socket.</summary>
    public bool WasAccepted => _wasAccepted;

    public void OnAccepted() => _wasAccepted = true;

    public bool IsStarted
    {
        get
        {
            lock (_gate)
                return !_isClosed && _loops[0].IsStarted;
        }
    }

    /// <summary>How many answers of the server are awaited.</summary>
    public int PendingReplies
    {
        get
        {
            lock (_gate)
                return _loops.Sum(loop => loop.PendingReplies);
        }
    }

    /// <summary>Starts what does not run, and waits until the first socket is connected.</summary>
    public Task ConnectAsync(CancellationToken cancellationToken)
    {
        ConnectionLoop first;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(CampfireClient));
            first = _loops[0];

            // What was refused for good is tried again as well, now that the application asks; but it asks for no socket without a channel.
            foreach (ConnectionLoop loop in _loops.Where(loop => loop != first && loop.Demand.HasChannels))
                loop.Start();
        }

        return first.ConnectAsync(cancellationToken);
    }

    /// <summary>Finds a socket with room for one more channel.</summary>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public ConnectionLoop AddChannel()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(CampfireClient));
            foreach (ConnectionLoop loop in _loops)
            {
                if (!loop.Demand.TryAddChannel())
                    continue;

                // A further socket that was refused for good is tried again; for the first one that is the application's word.
                if (loop != _loops[0])
                    loop.Start();

                // What is wrong with the socket counts from now on. One that starts says so itself.
                if (loop.Status.State is not CampfireConnectionState.Disconnected)
                    OnStatus();
                return loop;
            }

            ConnectionLoop further = NewLoop();
            _loops.Add(further);
            further.Demand.TryAddChannel();
            further.Start();
            return further;
        }
    }

    public void RemoveChannel(ConnectionLoop loop)
    {
        loop.Demand.RemoveChannel();

        // What is wrong with a socket that nobody needs is no longer wrong with the client.
        OnStatus();
    }

    public void OnNetworkChanged()
    {
        ConnectionLoop[] loops;
        lock (_gate)
            loops = [.. _loops];
        foreach (ConnectionLoop loop in loops)
            loop.OnNetworkChanged();
    }

    /// <summary>The state of one of the sockets has changed.</summary>
    public void OnStatus()
    {
        // Under the gate, so that of two changes at once the later one is shown last.
        lock (_gate)
        {
            // Whoever is late with a state must not hide that the client is closed.
            if (_isClosed)
                return;

            // A socket without a channel, resting or refused, says nothing about those in use.
            CampfireStatus worst = _loops.Where((loop, index) => !loop.Demand.IsResting && (index == 0 || loop.Demand.HasChannels)).Select(loop => loop.Status).MaxBy(status => Severity(status.State)) ?? _loops[0].Status;
            Status.Show(worst);
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
        }

        // Nothing is added to a closed pool.
        await Task.WhenAll(_loops.Select(loop => loop.DisposeAsync().AsTask())).ConfigureAwait(false);
        Status.Show(new CampfireStatus(CampfireConnectionState.Closed, "closed by the application"));
        Status.Complete();
    }

    private ConnectionLoop NewLoop() => new(_options, _newSocket, _receiver, _backoff, _logger, this);

    private static int Severity(CampfireConnectionState state) => state switch
    {
        CampfireConnectionState.Connected => 0,
        CampfireConnectionState.Connecting => 1,
        CampfireConnectionState.Reconnecting => 2,
        _ => 3,
    };
}

using System.Diagnostics;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

/// <summary>Owns one socket and its state: connects, waits for the loss, backs off and connects again; rests while no channel needs it.</summary>
internal sealed partial class ConnectionLoop : IAsyncDisposable
{
    private readonly CampfireClientOptions _options;
    private readonly Func<IRealtimeSocket> _newSocket;
    private readonly IFrameReceiver _receiver;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly Uri _address;
    private readonly ConnectionPool _pool;
    private readonly NetworkHint _hint;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource<SocketLink> _live = NewLive();
    private Task _loop = Task.CompletedTask;
    private volatile CampfireStatus _status = new(CampfireConnectionState.Disconnected);
    private SocketLink? _link;
    private Refusal? _lastRefusal;
    private bool _isRunning;
    private bool _isClosed;

    public ConnectionLoop(
        CampfireClientOptions options, Func<IRealtimeSocket> newSocket, IFrameReceiver receiver, Backoff backoff, ILogger logger, ConnectionPool pool)
    {
        _options = options;
        _newSocket = newSocket;
        _receiver = receiver;
        _backoff = backoff;
        _logger = logger;
        _address = options.SocketUrl();
        _pool = pool;
        _hint = new NetworkHint(options.TimeProvider);
        Demand = new SocketDemand(options.MaxChannelsPerConnection, options.IdleTimeout, options.TimeProvider);
    }

    public CampfireStatus Status => _status;

    /// <summary>What the channels ask of this socket.</summary>
    public SocketDemand Demand { get; }

    /// <summary>Starts the loop where it does not run or rests.</summary>
    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(CampfireClient));
            Demand.Want();
            if (_isRunning)
                return;

            if (_live.Task.IsFaulted)
                _live = NewLive();
            _isRunning = true;
            _loop = Background.Run(() => RunAsync(_closing.Token));
        }
    }

    /// <summary>Proves or replaces at once what was built on another network.</summary>
    public void OnNetworkChanged()
    {
        SocketLink? link;
        _hint.Give();
        lock (_gate)
            link = _link;
        link?.Probe(NetworkHint.Patience);
    }

    /// <summary>Starts the loop, and waits for the connection.</summary>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        Start();
        Task<SocketLink> live;
        lock (_gate)
            live = _live.Task;

        try
        {
            await live.WaitAsync(_options.ConnectTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            Refusal? last;
            lock (_gate)
                last = _lastRefusal;
            string why = last is { } refusal ? $"; the last reason: {refusal.Reason}" : "";
            throw new CampfireException(
                last?.Code ?? CampfireErrorCode.Unavailable,
                $"No connection to {_address.Authority} within {_options.ConnectTimeout.TotalSeconds:0.#} s{why}. The client keeps trying; await ConnectAsync again, or dispose it.",
                last?.Reason,
                e);
        }
    }

    /// <summary>The live link, now or as soon as there is one.</summary>
    /// <exception cref="CampfireException">The connection was refused for good.</exception>
    public async Task<SocketLink> WhenLiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task<SocketLink> live;
            lock (_gate)
                live = _live.Task;
            SocketLink link = await live.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!link.Loss.IsCompleted)
                return link;

            await link.Retired.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public bool IsStarted
    {
        get
        {
            lock (_gate)
                return !_isClosed && (_isRunning || _live.Task.IsFaulted);
        }
    }

    /// <summary>How many replies are awaited on the live link.</summary>
    public int PendingReplies
    {
        get
        {
            lock (_gate)
                return _live.Task.IsCompletedSuccessfully ? _live.Task.Result.PendingReplies : 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task loop;
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            loop = _loop;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await loop.ConfigureAwait(false);
        FailLive(new ObjectDisposedException(nameof(CampfireClient)));
        Demand.Dispose();
        _closing.Dispose();
    }

    private static TaskCompletionSource<SocketLink> NewLive()
    {
        var live = new TaskCompletionSource<SocketLink>(TaskCreationOptions.RunContinuationsAsynchronously);

        // Nobody may be waiting when it fails; the failure is also shown as status.
        live.Task.IsToldElsewhere();
        return live;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        int attempt = 0;
        bool wasConnected = false;
        string? reason = null;
        while (!cancellationToken.IsCancellationRequested)
        {
            attempt++;
            Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt));
            Refusal refusal;
            try
            {
                (SocketLink? link, refusal) = await TryOpenAsync(cancellationToken).ConfigureAwait(false);
                if (link is not null)
                {
                    LinkLoss? loss;
                    await using (link.ConfigureAwait(false))
                    {
                        wasConnected = true;
                        loss = await HoldAsync(link, cancellationToken).ConfigureAwait(false);
                    }

                    if (loss is null)
                    {
                        LogResting(_address.Authority);
                        Show(new CampfireStatus(CampfireConnectionState.Disconnected, "no channel is joined"));
                        await Demand.WhenNeededAsync(cancellationToken).ConfigureAwait(false);
                        (attempt, wasConnected, reason) = (0, false, null);
                        continue;
                    }

                    LogConnectionLost(loss.Reason);
                    refusal = Refusal.OfLoss(loss);

                    // A server that accepts and hangs up at once must not be met at the shortest delay for ever.
                    if (link.HasHeard)
                        attempt = 0;
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                refusal = OfFailure(e);
                LogConnectFailed(refusal.Class, refusal.Reason);
            }

            reason = refusal.Reason;
            lock (_gate)
                _lastRefusal = refusal;
            if (refusal.Class is RefusalClass.Permanent)
            {
                Show(new CampfireStatus(CampfireConnectionState.Disconnected, reason));
                FailLive(refusal.ToException($"{_address.Authority} refused the connection"));
                return;
            }

            // What failed on the network before says nothing about this one.
            if (_hint.Take())
                attempt = 0;

            // The first attempt after a loss waits too: a server that restarts would otherwise meet all its clients at once.
            TimeSpan delay = refusal.Class is RefusalClass.Capacity ? _backoff.ForCapacity() : _backoff.Next(Math.Max(attempt, 1));
            Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt + 1, delay));
            try
            {
                // Another network says nothing about a limit that was reached.
                if (refusal.Class is RefusalClass.Capacity)
                    await Task.Delay(delay, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
                else if (await _hint.PauseAsync(delay, cancellationToken).ConfigureAwait(false))
                    attempt = 0;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<(SocketLink? Link, Refusal Refusal)> TryOpenAsync(CancellationToken cancellationToken)
    {
        using Activity? activity = Instruments.StartConnect(_address);
        try
        {
            SocketLink link = await OpenAsync(cancellationToken).ConfigureAwait(false);
            Instruments.Connected(activity);
            _pool.OnAccepted();
            return (link, default);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Refusal refusal = OfFailure(e);
            LogConnectFailed(refusal.Class, refusal.Reason);
            Instruments.ConnectFailed(activity, refusal);
            return (null, refusal);
        }
    }

    private async Task<SocketLink> OpenAsync(CancellationToken cancellationToken)
    {
        IRealtimeSocket socket = _newSocket();
        try
        {
            using var deadline = new CancellationTokenSource(_options.RequestTimeout, _options.TimeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            LogConnecting(_address.Authority);
            _hint.BeginAttempt(deadline);

            try
            {
                await socket.ConnectAsync(_address, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{_address.Authority} did not answer in time");
            }
            finally
            {
                _hint.EndAttempt();
            }
        }
        catch
        {
            await socket.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var link = new SocketLink(socket, _receiver, _options, _logger);
        link.Start();
        return link;
    }

    /// <summary>Keeps a link until it is lost, or, with null, until no channel needs it any more.</summary>
    private async Task<LinkLoss?> HoldAsync(SocketLink link, CancellationToken cancellationToken)
    {
        LogConnected(_address.Authority);
        Instruments.ConnectionBegan();
        Show(new CampfireStatus(CampfireConnectionState.Connected));
        bool isDoubtful;
        lock (_gate)
        {
            _link = link;
            _live.TrySetResult(link);
            isDoubtful = _hint.Take();
        }

        // Opened on the network as it was before.
        if (isDoubtful)
            link.Probe(NetworkHint.Patience);

        using var holding = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task idle = Demand.WhenIdleAsync(holding.Token);
        try
        {
            await Task.WhenAny(link.Loss, idle).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
        finally
        {
            await holding.CancelAsync().ConfigureAwait(false);
            await idle.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Instruments.ConnectionEnded(idle.IsCompletedSuccessfully || cancellationToken.IsCancellationRequested ? null : await link.Loss.ConfigureAwait(false));
            lock (_gate)
            {
                _link = null;
                _live = NewLive();
            }

            link.Retire();
        }

        return idle.IsCompletedSuccessfully ? null : await link.Loss.ConfigureAwait(false);
    }

    private void Show(CampfireStatus status)
    {
        _status = status;
        _pool.OnStatus();
    }

    private Refusal OfFailure(Exception error)
    {
        if (error is SocketRefusedException refused)
            return Refusal.OfUpgrade(refused.Status, refused.Reason, _pool.WasAccepted);

        // Nothing that goes wrong with one connection may end the trying.
        if (error is not (IOException or TimeoutException))
            LogUnexpected(error);
        return new Refusal(RefusalClass.Transient, CampfireErrorCode.Unavailable, error.Message);
    }

    private void FailLive(Exception error)
    {
        lock (_gate)
        {
            _isRunning = false;
            _live.TrySetException(error);
        }
    }
}

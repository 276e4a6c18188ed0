using System.Diagnostics;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

/// <summary>Owns one socket and its state: connects, waits for the loss, backs off and connects again; rests while no channel needs it.</summary>
internal sealed partial class ConnectionLoop : IAsyncDisposable
{
    /// <summary>How long whatever is under way may still take after the network changed.</summary>
    public static readonly TimeSpan PatienceAfterNetworkChange = TimeSpan.FromSeconds(2);

    private readonly CampfireClientOptions _options;
    private readonly Func<IRealtimeSocket> _newSocket;
    private readonly IFrameReceiver _receiver;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly Uri _address;
    private readonly Action _onStatus;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource<SocketLink> _live = NewLive();
    private Task _loop = Task.CompletedTask;
    private volatile CampfireStatus _status = new(CampfireConnectionState.Disconnected);
    private SocketLink? _link;
    private CancellationTokenSource? _attempt;
    private TaskCompletionSource? _pause;
    private bool _hasNetworkChanged;
    private Refusal? _lastRefusal;
    private bool _isRunning;
    private bool _isClosed;

    public ConnectionLoop(
        CampfireClientOptions options, Func<IRealtimeSocket> newSocket, IFrameReceiver receiver, Backoff backoff, ILogger logger, Action onStatus)
    {
        _options = options;
        _newSocket = newSocket;
        _receiver = receiver;
        _backoff = backoff;
        _logger = logger;
        _address = options.SocketUrl();
        _onStatus = onStatus;
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
        lock (_gate)
        {
            link = _link;
            _hasNetworkChanged = true;
            _pause?.TrySetResult();
            _attempt?.CancelAfter(PatienceAfterNetworkChange);

            // Networks change in bursts, and each hint must not give the same attempt more time.
            _attempt = null;
        }

        link?.Probe(PatienceAfterNetworkChange);
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
        bool wasConnected = false, wasAccepted = false;
        string? reason = null;
        while (!cancellationToken.IsCancellationRequested)
        {
            attempt++;
            Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt));
            Refusal refusal;
            try
            {
                (SocketLink? link, refusal) = await TryOpenAsync(wasAccepted, cancellationToken).ConfigureAwait(false);
                if (link is not null)
                {
                    LinkLoss? loss;
                    await using (link.ConfigureAwait(false))
                    {
                        (wasConnected, wasAccepted) = (true, true);
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
                refusal = OfFailure(e, wasAccepted);
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
            lock (_gate)
                (attempt, _hasNetworkChanged) = (_hasNetworkChanged ? 0 : attempt, false);

            // The first attempt after a loss waits too: a server that restarts would otherwise meet all its clients at once.
            TimeSpan delay = refusal.Class is RefusalClass.Capacity ? _backoff.ForCapacity() : _backoff.Next(Math.Max(attempt, 1));
            Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt + 1, delay));
            try
            {
                // Another network says nothing about a limit that was reached.
                if (await PauseAsync(delay, isCutShort: refusal.Class is not RefusalClass.Capacity, cancellationToken).ConfigureAwait(false))
                    attempt = 0;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Waits, and says whether a change of the network cut the wait short.</summary>
    private async Task<bool> PauseAsync(TimeSpan delay, bool isCutShort, CancellationToken cancellationToken)
    {
        var pause = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _pause = isCutShort ? pause : null;

            // The hint may have come since the delay was drawn.
            if (_hasNetworkChanged)
                _pause?.TrySetResult();
        }

        try
        {
            await pause.Task.WaitAsync(delay, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            lock (_gate)
                _pause = null;
        }
    }

    private async Task<(SocketLink? Link, Refusal Refusal)> TryOpenAsync(bool wasAccepted, CancellationToken cancellationToken)
    {
        using Activity? activity = Instruments.StartConnect(_address);
        try
        {
            SocketLink link = await OpenAsync(cancellationToken).ConfigureAwait(false);
            Instruments.Connected(activity);
            return (link, default);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Refusal refusal = OfFailure(e, wasAccepted);
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
            lock (_gate)
            {
                _attempt = deadline;
                _hasNetworkChanged = false;
            }

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
                lock (_gate)
                    _attempt = null;
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
        lock (_gate)
        {
            _link = link;
            _live.TrySetResult(link);
        }

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
        _onStatus();
    }

    private Refusal OfFailure(Exception error, bool wasAccepted)
    {
        if (error is SocketRefusedException refused)
            return Refusal.OfUpgrade(refused.Status, refused.Reason, wasAccepted);

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

using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

/// <summary>Owns the socket and the state of a connection: connects, waits for the loss, backs off and connects again.</summary>
internal sealed partial class ConnectionLoop : IAsyncDisposable
{
    private const int StatusBacklog = 64;

    private readonly CampfireClientOptions _options;
    private readonly Func<IRealtimeSocket> _newSocket;
    private readonly IFrameReceiver _receiver;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly Uri _address;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource<SocketLink> _live = NewLive();
    private Task _loop = Task.CompletedTask;
    private Refusal? _lastRefusal;
    private bool _isRunning;
    private bool _isClosed;

    public ConnectionLoop(
        CampfireClientOptions options, Func<IRealtimeSocket> newSocket, IFrameReceiver receiver, Backoff backoff, ILogger logger)
    {
        _options = options;
        _newSocket = newSocket;
        _receiver = receiver;
        _backoff = backoff;
        _logger = logger;
        _address = options.SocketUrl();
    }

    public Board<CampfireStatus> Status { get; } = new(new CampfireStatus(CampfireConnectionState.Disconnected), StatusBacklog);

    /// <summary>Starts the loop where it does not run, and waits for the first connection.</summary>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        Task<SocketLink> live;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(CampfireClient));
            if (!_isRunning)
            {
                if (_live.Task.IsFaulted)
                    _live = NewLive();
                _isRunning = true;
                _loop = Task.Run(() => RunAsync(_closing.Token), CancellationToken.None);
            }

            live = _live.Task;
        }

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
        Status.Show(new CampfireStatus(CampfireConnectionState.Closed, "closed by the application"));
        Status.Complete();
        FailLive(new ObjectDisposedException(nameof(CampfireClient)));
        _closing.Dispose();
    }

    private static TaskCompletionSource<SocketLink> NewLive()
    {
        var live = new TaskCompletionSource<SocketLink>(TaskCreationOptions.RunContinuationsAsynchronously);

        // Nobody may be waiting when it fails; the failure is also shown as status.
        _ = live.Task.ContinueWith(static t => t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
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
            Status.Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt));
            Refusal refusal;
            try
            {
                SocketLink link = await OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (link.ConfigureAwait(false))
                {
                    wasConnected = true;
                    LinkLoss loss = await HoldAsync(link, cancellationToken).ConfigureAwait(false);
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
                refusal = OfFailure(e, wasConnected);
                LogConnectFailed(refusal.Class, refusal.Reason);
            }

            reason = refusal.Reason;
            lock (_gate)
                _lastRefusal = refusal;
            if (refusal.Class is RefusalClass.Permanent)
            {
                Status.Show(new CampfireStatus(CampfireConnectionState.Disconnected, reason));
                FailLive(refusal.ToException($"{_address.Authority} refused the connection"));
                return;
            }

            // The first attempt after a loss waits too: a server that restarts would otherwise meet all its clients at once.
            TimeSpan delay = refusal.Class is RefusalClass.Capacity ? _backoff.ForCapacity() : _backoff.Next(Math.Max(attempt, 1));
            Status.Show(new CampfireStatus(
                wasConnected ? CampfireConnectionState.Reconnecting : CampfireConnectionState.Connecting, reason, attempt + 1, delay));
            try
            {
                await Task.Delay(delay, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
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
            try
            {
                await socket.ConnectAsync(_address, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{_address.Authority} did not answer within {_options.RequestTimeout.TotalSeconds:0.#} s");
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

    private async Task<LinkLoss> HoldAsync(SocketLink link, CancellationToken cancellationToken)
    {
        LogConnected(_address.Authority);
        Status.Show(new CampfireStatus(CampfireConnectionState.Connected));
        lock (_gate)
            _live.TrySetResult(link);
        try
        {
            return await link.Loss.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
                _live = NewLive();
            link.Retire();
        }
    }

    private Refusal OfFailure(Exception error, bool wasConnected)
    {
        if (error is SocketRefusedException refused)
            return Refusal.OfUpgrade(refused.Status, refused.Reason, wasConnected);

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

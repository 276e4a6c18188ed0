using Campfire.Realtime.Connection;
using Campfire.Realtime.Streams;

namespace Campfire.Realtime.Delivery;

/// <summary>Knows how events arrive, and says when the database is to be polled because the channel is away. Thread-safe.</summary>
internal sealed class DeliveryMonitor : IDisposable
{
    private const int StateBacklog = 16;

    private readonly CampfireClientOptions _options;
    private readonly Backoff _backoff;
    private readonly StatusBoard _status;
    private readonly Action _pollDue;
    private readonly Board<DeliveryState> _board = new(new DeliveryState(DeliveryMode.Live), StateBacklog);
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private DeliveryMode _mode = DeliveryMode.Live;
    private bool _isPollDue;

    /// <param name="options">The options.</param>
    /// <param name="backoff">The source of jitter.</param>
    /// <param name="status">Where it is shown that something polls.</param>
    /// <param name="pollDue">Called when a poll becomes due. It must not block.</param>
    /// <remarks>The first join is not waited for: before it nobody has a stream, and there is nothing to poll for.</remarks>
    public DeliveryMonitor(CampfireClientOptions options, Backoff backoff, StatusBoard status, Action pollDue)
    {
        _options = options;
        _backoff = backoff;
        _status = status;
        _pollDue = pollDue;
        _timer = options.TimeProvider.CreateTimer(static state => ((DeliveryMonitor)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public DeliveryState State => _board.Current;

    /// <summary>Whether a poll is due. It stays due until the database was read.</summary>
    public bool IsPollDue
    {
        get
        {
            lock (_gate)
                return _isPollDue;
        }
    }

    /// <summary>How long a failed read waits at least: what is not live is not read faster than it is polled.</summary>
    public TimeSpan LeastRetryDelay()
    {
        lock (_gate)
            return _mode is DeliveryMode.Interrupted or DeliveryMode.Polling ? _backoff.Around(_options.PollInterval) : TimeSpan.Zero;
    }

    public IAsyncEnumerable<DeliveryState> WatchAsync(CancellationToken cancellationToken) => _board.WatchAsync(cancellationToken);

    public void OnLive()
    {
        lock (_gate)
        {
            if (_mode is DeliveryMode.Live or DeliveryMode.Ended)
                return;

            Become(DeliveryMode.Live, null);
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public void OnInterrupted(string reason)
    {
        lock (_gate)
        {
            if (_mode is not DeliveryMode.Live)
                return;

            Become(DeliveryMode.Interrupted, reason);
            _timer.Change(_options.PollAfter, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The database was read: the next poll is due an interval from now.</summary>
    public void OnRead()
    {
        lock (_gate)
        {
            if (_mode is not DeliveryMode.Polling)
                return;

            _isPollDue = false;
            _timer.Change(_backoff.Around(_options.PollInterval), Timeout.InfiniteTimeSpan);
        }
    }

    public void OnEnded(string reason)
    {
        lock (_gate)
        {
            if (_mode is DeliveryMode.Ended)
                return;

            Become(DeliveryMode.Ended, reason);
            _board.Complete();
            _timer.Dispose();
        }
    }

    public void Dispose() => OnEnded("left by the application");

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_mode is DeliveryMode.Interrupted)
                Become(DeliveryMode.Polling, _board.Current.Reason);
            else if (_mode is not DeliveryMode.Polling)
                return;

            _isPollDue = true;
        }

        _pollDue();
    }

    private void Become(DeliveryMode mode, string? reason)
    {
        if (mode is DeliveryMode.Polling)
            _status.PollingBegan();
        else if (_mode is DeliveryMode.Polling)
            _status.PollingEnded();

        _mode = mode;
        _isPollDue = false;
        _board.Show(new DeliveryState(mode, reason));
    }
}

using Campfire.Realtime.Streams;

namespace Campfire.Realtime.Connection;

/// <summary>Shows the state of the connection, and with it whether anything polls the database in its place.</summary>
internal sealed class StatusBoard(CampfireStatus initial, int backlog)
{
    private readonly Lock _gate = new();
    private readonly Board<CampfireStatus> _board = new(initial, backlog);
    private int _polling;

    public CampfireStatus Current => _board.Current;

    public void Show(CampfireStatus status)
    {
        lock (_gate)
            _board.Show(status with { IsPolling = _polling > 0 });
    }

    public void PollingBegan() => CountPolling(+1);

    public void PollingEnded() => CountPolling(-1);

    public void Complete() => _board.Complete();

    public IAsyncEnumerable<CampfireStatus> WatchAsync(CancellationToken cancellationToken) => _board.WatchAsync(cancellationToken);

    private void CountPolling(int change)
    {
        lock (_gate)
        {
            _polling += change;
            _board.Show(_board.Current with { IsPolling = _polling > 0 });
        }
    }
}

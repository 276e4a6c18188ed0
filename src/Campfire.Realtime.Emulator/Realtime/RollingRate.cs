namespace Campfire.Realtime.Emulator.Realtime;

// Realtime's way of counting: the mean of the ticks of up to a minute, of five seconds each, looked at when a tick ends. A
// burst passes, what was too much is noticed up to a tick late, and stays too much until the mean has come down.
internal sealed class RollingRate(int maxPerSecond, TimeProvider time, int tickSeconds = 5)
{
    private static readonly TimeSpan _window = TimeSpan.FromMinutes(1);

    private readonly TimeSpan _tick = TimeSpan.FromSeconds(tickSeconds);
    private readonly int _maxTicks = (int)_window.TotalSeconds / tickSeconds;
    private readonly Lock _lock = new();
    private readonly Queue<long> _ticks = new();
    private long? _startedAt;
    private long _ticksEnded;
    private long _current;
    private double _mean;

    // Events per second, as of the last tick.
    public double Mean
    {
        get
        {
            lock (_lock)
            {
                EndTicks();
                return _mean;
            }
        }
    }

    public bool IsExceeded => Mean >= maxPerSecond;

    public void Count(int events = 1)
    {
        lock (_lock)
        {
            EndTicks();
            _current += events;
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _ticks.Clear();
            _startedAt = null;
            (_ticksEnded, _current, _mean) = (0, 0, 0);
        }
    }

    // What a tick held is only put away when somebody counts or asks, so nothing has to run for it.
    private void EndTicks()
    {
        var startedAt = _startedAt ??= time.GetTimestamp();
        var ended = time.GetElapsedTime(startedAt).Ticks / _tick.Ticks;
        if (ended == _ticksEnded)
            return;
        for (var left = Math.Min(ended - _ticksEnded, _maxTicks + 1); left > 0; left--)
        {
            if (_ticks.Count == _maxTicks)
                _ticks.Dequeue();
            _ticks.Enqueue(_current);
            _current = 0;
        }
        _ticksEnded = ended;
        _mean = _ticks.Sum() / (_ticks.Count * _tick.TotalSeconds);
    }
}

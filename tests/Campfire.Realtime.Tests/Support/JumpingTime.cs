namespace Campfire.Realtime.Tests.Support;

// A clock that jumps from timer to timer, on the thread that moves it: hours take as long as what happens in them.
internal sealed class JumpingTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly Lock _gate = new();
    private readonly SortedSet<(long Due, long Number, Timer Timer)> _timers = new(Comparer<(long Due, long Number, Timer Timer)>.Create(
        static (a, b) => a.Due != b.Due ? a.Due.CompareTo(b.Due) : a.Number.CompareTo(b.Number)));

    private long _now;
    private long _lastNumber;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    // Fires the timer that is due next, where one is until then; otherwise it is then.
    public bool FireNext(long until)
    {
        Timer next;
        lock (_gate)
        {
            if (_timers.Count == 0 || _timers.Min.Due > until)
            {
                Volatile.Write(ref _now, until);
                return false;
            }

            (long due, _, next) = _timers.Min;
            _timers.Remove(_timers.Min);
            next.Place = null;
            Volatile.Write(ref _now, Math.Max(due, _now));
        }

        next.Fire();
        return true;
    }

    private sealed class Timer(JumpingTime owner, TimerCallback callback, object? state) : ITimer
    {
        public (long Due, long Number, Timer Timer)? Place { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
                throw new NotSupportedException("This clock fires once.");

            lock (owner._gate)
            {
                if (Place is { } old)
                    owner._timers.Remove(old);
                Place = dueTime == Timeout.InfiniteTimeSpan ? null : (owner._now + dueTime.Ticks, ++owner._lastNumber, this);
                if (Place is { } place)
                    owner._timers.Add(place);
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

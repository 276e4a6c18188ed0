namespace Campfire.Realtime.Budget;

/// <summary>Counts messages as Realtime does: the mean of the last minute, in steps of five seconds.</summary>
internal sealed class MessageMeter
{
    private const int Steps = 12;
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly Lock _gate = new();
    private readonly long[] _counts = new long[Steps];
    private long _step;
    private long? _overLimit;

    public MessageMeter(TimeProvider time)
    {
        _time = time;
        _began = time.GetTimestamp();
    }

    /// <summary>The mean over the minute that ends now, or over what there is of it.</summary>
    public double PerSecond
    {
        get
        {
            lock (_gate)
            {
                Advance();
                return _counts.Sum() / (Math.Min(_step + 1, Steps) * Step.TotalSeconds);
            }
        }
    }

    /// <summary>Whether the server has complained within the last minute, after which its mean has fallen.</summary>
    public bool WasOverLimit
    {
        get
        {
            lock (_gate)
                return _overLimit is { } at && _time.GetElapsedTime(at) < Steps * Step;
        }
    }

    public void Count()
    {
        lock (_gate)
        {
            Advance();
            _counts[_step % Steps]++;
        }
    }

    public void OnOverLimit()
    {
        lock (_gate)
            _overLimit = _time.GetTimestamp();
    }

    private void Advance()
    {
        long now = _time.GetElapsedTime(_began).Ticks / Step.Ticks;
        for (long passed = Math.Max(_step + 1, now - Steps + 1); passed <= now; passed++)
            _counts[passed % Steps] = 0;
        _step = Math.Max(_step, now);
    }
}

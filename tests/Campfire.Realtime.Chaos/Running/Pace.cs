using System.Diagnostics;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Hands out turns evenly over a time; who is late gets the missed ones at once.</summary>
internal sealed class Pace(int turns, TimeSpan over)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    private readonly long _started = Stopwatch.GetTimestamp();
    private double _allowed;
    private int _taken;

    /// <summary>Allows turns up to this share of all, from 0 to 1.</summary>
    public void AllowUpTo(double share) => Volatile.Write(ref _allowed, share);

    public async Task NextAsync(CancellationToken cancellationToken)
    {
        double share = (double)Interlocked.Increment(ref _taken) / turns;
        TimeSpan wait = (over * share) - Stopwatch.GetElapsedTime(_started);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, cancellationToken);
        while (share > Volatile.Read(ref _allowed))
            await Task.Delay(Glance, cancellationToken);
    }
}

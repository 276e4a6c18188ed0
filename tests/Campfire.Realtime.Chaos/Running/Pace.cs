using System.Diagnostics;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Hands out turns evenly over a time; who is late gets the missed ones at once.</summary>
internal sealed class Pace(int turns, TimeSpan over)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _taken;

    public async Task NextAsync(CancellationToken cancellationToken)
    {
        TimeSpan due = over * ((double)Interlocked.Increment(ref _taken) / turns);
        TimeSpan wait = due - Stopwatch.GetElapsedTime(_started);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, cancellationToken);
    }
}

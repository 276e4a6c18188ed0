namespace Campfire.Realtime.Delivery;

/// <summary>Says whether a read may be given up for a new one, so that on a flapping network, too, one read after the other comes to its end. Not thread-safe.</summary>
internal sealed class ReadAbandoning(TimeSpan leastTime, TimeProvider time)
{
    private long? _last;

    public bool MayAbandon()
    {
        if (_last is { } last && time.GetElapsedTime(last) < leastTime)
            return false;

        _last = time.GetTimestamp();
        return true;
    }
}

namespace Campfire.Realtime.Budget;

/// <summary>The presence calls that one membership of a channel has left. Not thread-safe.</summary>
internal sealed class PresenceQuota(int calls, TimeProvider time)
{
    // One more than Realtime's window, because the network may bring two calls closer together.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(31);

    private readonly Queue<long> _made = new();

    /// <summary>How long to wait before the next call.</summary>
    public TimeSpan Delay
    {
        get
        {
            TimeSpan left = _made.Count < calls ? TimeSpan.Zero : Window - time.GetElapsedTime(_made.Peek());
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    public void Use()
    {
        _made.Enqueue(time.GetTimestamp());
        if (_made.Count > calls)
            _made.Dequeue();
    }
}

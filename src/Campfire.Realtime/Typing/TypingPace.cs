namespace Campfire.Realtime.Typing;

/// <summary>Says when the caller's typing goes on the wire: at most one notice in three seconds, and the last word always. Not thread-safe.</summary>
internal sealed class TypingPace(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    // It waits for its turn for one interval at most; what is older waited for a connection or slept.
    private static readonly TimeSpan Freshness = 2 * Interval;

    private long? _sentAt;
    private long _saidAt;
    private bool _sent;
    private bool _isNews;

    /// <summary>What the caller said last.</summary>
    public bool Wanted { get; private set; }

    /// <summary>How long until a notice of <see cref="Wanted"/> is due, null when none is. A start is worth a notice once, and not when it was said long ago.</summary>
    public TimeSpan? DueIn
    {
        get
        {
            if (Wanted && (!_isNews || time.GetElapsedTime(_saidAt) > Freshness))
                return null;
            if (_sentAt is not { } at)
                return Wanted ? TimeSpan.Zero : null;

            TimeSpan left = Interval - time.GetElapsedTime(at);
            if (Wanted == _sent && !(Wanted && left <= TimeSpan.Zero))
                return null;
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    public void Say(bool isTyping)
    {
        Wanted = isTyping;
        _saidAt = time.GetTimestamp();
        _isNews = true;
    }

    public void OnSent()
    {
        _sentAt = time.GetTimestamp();
        _sent = Wanted;
        _isNews = false;
    }
}

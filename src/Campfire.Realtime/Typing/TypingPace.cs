namespace Campfire.Realtime.Typing;

/// <summary>Says when the caller's typing goes on the wire: at most one notice in three seconds, and the last word always. Not thread-safe.</summary>
internal sealed class TypingPace(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    private long? _sentAt;
    private bool _sent;

    /// <summary>What the caller said last.</summary>
    public bool Wanted { get; set; }

    /// <summary>How long until a notice of <see cref="Wanted"/> is due, null when none is.</summary>
    public TimeSpan? DueIn
    {
        get
        {
            if (_sentAt is not { } at)
                return Wanted ? TimeSpan.Zero : null;

            TimeSpan left = Interval - time.GetElapsedTime(at);
            if (Wanted == _sent && !(Wanted && left <= TimeSpan.Zero))
                return null;
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    public void OnSent()
    {
        _sentAt = time.GetTimestamp();
        _sent = Wanted;
    }
}

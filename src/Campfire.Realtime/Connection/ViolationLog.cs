using Campfire.Realtime.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

internal enum Violation
{
    MalformedFrame,
    UnreadableBroadcast,
    UnreadableEvent,
    UnreadablePresence,
    TooManyPresences,
    InventedEvent,
}

/// <summary>Counts what a peer sends against the protocol on one connection. Each kind is logged at 1, 10, 100, … and as a total at the end.</summary>
/// <remarks>Whoever sends a million bad frames must fill neither a disk nor the memory.</remarks>
internal sealed partial class ViolationLog(ILogger logger)
{
    // Subjects are codes and known names; should one ever come from a peer, the table still does not grow.
    private const int MaxKinds = 64;
    private const int MaxDetailLength = 200;
    private const string OtherSubjects = "others";

    private readonly Lock _gate = new();
    private readonly Dictionary<(Violation Violation, string Subject), Count> _counts = [];
    private long _total;

    /// <summary>How many there were of all kinds.</summary>
    public long Total => Interlocked.Read(ref _total);

    /// <param name="violation">What it is.</param>
    /// <param name="subject">What it is more precisely: a code or a known name, never text of the peer.</param>
    /// <param name="where">The channel, or what else says where it happened.</param>
    /// <param name="detail">More about this one.</param>
    public void Report(Violation violation, string subject, string where, string detail)
    {
        Interlocked.Increment(ref _total);
        Instruments.Violation(violation);
        long times;
        lock (_gate)
        {
            if (!_counts.TryGetValue((violation, subject), out Count? count))
            {
                if (_counts.Count >= MaxKinds)
                    subject = OtherSubjects;
                if (!_counts.TryGetValue((violation, subject), out count))
                    _counts.Add((violation, subject), count = new Count());
            }

            times = ++count.Times;
            if (times != count.NextLogged)
                return;
            count.NextLogged *= 10;
            count.Logged = times;
        }

        LogViolation(violation, subject, times, where, detail.Length > MaxDetailLength ? detail[..MaxDetailLength] : detail);
    }

    /// <summary>Logs what has happened since the last line of each kind.</summary>
    public void LogTotals()
    {
        lock (_gate)
        {
            foreach (((Violation violation, string subject), Count count) in _counts)
            {
                if (count.Times == count.Logged)
                    continue;
                count.Logged = count.Times;
                LogTotal(violation, subject, count.Times);
            }
        }
    }

    [LoggerMessage(1110, LogLevel.Warning, "Dropped what the server sent: {Violation} ({Subject}), {Times} times on this connection; {Where}: {Detail}")]
    private partial void LogViolation(Violation violation, string subject, long times, string where, string detail);

    [LoggerMessage(1113, LogLevel.Warning, "Dropped what the server sent: {Violation} ({Subject}), {Times} times in all on the connection that ended")]
    private partial void LogTotal(Violation violation, string subject, long times);

    private sealed class Count
    {
        public long Times { get; set; }

        public long NextLogged { get; set; } = 1;

        public long Logged { get; set; }
    }
}

namespace Campfire.Realtime.Connection;

/// <summary>Exponential delays with full jitter: drawn evenly between zero and the doubling ceiling, so that a fleet spreads out.</summary>
internal sealed class Backoff(TimeSpan baseDelay, TimeSpan maxDelay, Random random)
{
    private static readonly TimeSpan CapacityFloor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CapacityCeiling = TimeSpan.FromSeconds(60);

    public TimeSpan Next(int attempt)
    {
        double ceiling = Math.Min(maxDelay.TotalMilliseconds, baseDelay.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 30)));
        return TimeSpan.FromMilliseconds(ceiling * Draw());
    }

    /// <summary>After "too many …": the server's mean of the last minute must fall first.</summary>
    public TimeSpan ForCapacity() => CapacityFloor + ((CapacityCeiling - CapacityFloor) * Draw());

    /// <summary>The interval, 20 % more or less.</summary>
    public TimeSpan Around(TimeSpan interval) => interval * (0.8 + (0.4 * Draw()));

    /// <summary>Anything from nothing to the most.</summary>
    public TimeSpan UpTo(TimeSpan most) => most * Draw();

    private double Draw()
    {
        // A seeded Random is not thread-safe, and several loops draw.
        lock (random)
            return random.NextDouble();
    }
}

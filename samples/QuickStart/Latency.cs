namespace QuickStart;

/// <summary>From the moment that the database stored a message to the handler, in milliseconds.</summary>
internal sealed record Latency(double P50, double P95, double P99, double Max)
{
    public static Latency Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        return sorted.Length == 0
            ? new Latency(0, 0, 0, 0)
            : new Latency(At(sorted, 0.5), At(sorted, 0.95), At(sorted, 0.99), Math.Round(sorted[^1], 3));
    }

    private static double At(double[] sorted, double quantile) => Math.Round(sorted[Math.Max((int)Math.Ceiling(sorted.Length * quantile) - 1, 0)], 3);
}

using System.Diagnostics;

namespace Campfire.Realtime.Benchmarks.Running;

internal static class Sampler
{
    // Milliseconds of each operation. The operations take turns round by round, so that what disturbs the machine
    // disturbs all of them; a round counts with the median of its calls.
    public static async Task<IReadOnlyList<Rounds>> TakeTurnsAsync(
        int rounds, int calls, IReadOnlyList<Func<Task>> operations, CancellationToken cancellationToken)
    {
        foreach (Func<Task> operation in operations)
            await RunAsync(operation, Math.Max(calls / 4, 20), cancellationToken);

        List<double>[] medians = [.. operations.Select(_ => new List<double>())];
        for (int round = 0; round < rounds; round++)
        {
            for (int index = 0; index < operations.Count; index++)
                medians[index].Add(await RunAsync(operations[index], calls, cancellationToken));
        }

        return [.. medians.Select(values => new Rounds(values))];
    }

    public static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public static double Percentile(IReadOnlyCollection<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Min((int)Math.Ceiling(share * sorted.Length), sorted.Length) - 1];
    }

    // Of each round by itself.
    public static Rounds Percentile(IEnumerable<double[]> rounds, double share) => new([.. rounds.Select(times => Percentile(times, share))]);

    private static async Task<double> RunAsync(Func<Task> operation, int calls, CancellationToken cancellationToken)
    {
        double[] times = new double[calls];
        for (int call = 0; call < calls; call++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            await operation();
            times[call] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return Median(times);
    }
}

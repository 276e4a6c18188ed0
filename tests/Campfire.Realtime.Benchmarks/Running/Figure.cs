namespace Campfire.Realtime.Benchmarks.Running;

// A median of rounds; Low and High are the fastest and the slowest of them. Target says in words what Met answers.
internal sealed record Figure(
    string Question, double Value, string Unit, double Low, double High, double? Baseline, double? Ratio, string? Target, bool? Met)
{
    public static Figure Alone(string question, string unit, Rounds rounds, string? target = null, bool? met = null) =>
        new(question, rounds.Median, unit, rounds.Low, rounds.High, null, null, target, met);

    public static Figure Against(string question, string unit, Rounds rounds, Rounds baseline, string? target = null, Func<double, bool>? meets = null)
    {
        double ratio = rounds.Median / baseline.Median;
        return new(question, rounds.Median, unit, rounds.Low, rounds.High, baseline.Median, ratio, target, meets?.Invoke(ratio));
    }
}

internal sealed record Rounds(IReadOnlyList<double> Values)
{
    public double Median => Sampler.Median(Values);

    public double Low => Values.Min();

    public double High => Values.Max();
}

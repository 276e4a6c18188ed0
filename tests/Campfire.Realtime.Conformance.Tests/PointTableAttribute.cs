using System.Collections.Concurrent;
using System.Text;
using NUnit.Framework.Interfaces;

namespace Campfire.Realtime.Conformance.Tests;

// Tells at the end of a run what became of each point of the checklist: on the console (dotnet test shows it with
// --logger "console;verbosity=normal") and in points.txt beside the tests.
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class PointTableAttribute : Attribute, ITestAction
{
    private static readonly ConcurrentDictionary<int, ConcurrentBag<TestStatus>> _outcomes = new();

    public ActionTargets Targets => ActionTargets.Test | ActionTargets.Suite;

    public void BeforeTest(ITest test)
    {
    }

    public void AfterTest(ITest test)
    {
        if (test.TestType == "Assembly")
            Publish(Table());
        else if (!test.IsSuite && Point.NumberOf(test.MethodName) is { } number)
            _outcomes.GetOrAdd(number, _ => []).Add(TestContext.CurrentContext.Result.Outcome.Status);
    }

    private static void Publish(string table)
    {
        TestContext.Progress.WriteLine(table);
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, "points.txt"), table);
    }

    private static string Table()
    {
        var table = new StringBuilder().AppendLine();
        foreach (var point in Point.All)
            table.AppendLine($"{point.Number,4}  {point.Subject,-56}{Describe(point)}{(point.Beyond is null ? "" : $" ({point.Beyond})")}");
        return table.ToString();
    }

    private static string Describe(Point point)
    {
        if (!_outcomes.TryGetValue(point.Number, out var outcomes))
            return point.WhyUntested is { } reason ? $"not applicable: {reason}" : "not run";
        var failed = outcomes.Count(outcome => outcome == TestStatus.Failed);
        if (failed > 0)
            return $"FAILED: {failed} of {outcomes.Count} tests";
        return outcomes.Any(outcome => outcome == TestStatus.Passed) ? $"passed: {outcomes.Count} tests" : "skipped";
    }
}

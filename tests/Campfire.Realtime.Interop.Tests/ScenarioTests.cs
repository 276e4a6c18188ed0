using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Interop.Tests;

// Each exported function of a script is a test; all of them share one emulator.
public sealed class ScenarioTests
{
    private static IEnumerable<TestCaseData> Scenarios() =>
        from script in (string[])["broadcast", "channels", "presence", "replay", "rpc"]
        from scenario in NodePackage.ScenariosOf($"scenarios/{script}.mjs")
        select new TestCaseData($"scenarios/{script}.mjs", scenario).SetName($"{script}: {scenario}");

    [TestCaseSource(nameof(Scenarios))]
    public async Task Scenario_of_supabase_js(string script, string scenario)
    {
        ScenarioOutcome outcome = await ScenarioHost.RunAsync(EmulatorFixture.Emulator, script, scenario);

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Output);
    }
}

using Campfire.Realtime.Emulator;

namespace Campfire.Realtime.Interop.Tests;

// Faults hit every socket of an emulator, so these scenarios have one of their own and take turns.
[Parallelizable(ParallelScope.Self)]
public sealed class FaultScenarioTests
{
    private CampfireEmulator _emulator = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { Delays = EmulatorDelays.Fast });
        await Playground.CreateAsync(_emulator);
    }

    [OneTimeTearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    private static IEnumerable<TestCaseData> Scenarios() =>
        NodePackage.ScenariosOf("scenarios/faults.mjs").Select(scenario => new TestCaseData(scenario).SetName($"faults: {scenario}"));

    [TestCaseSource(nameof(Scenarios))]
    public Task Scenario_with_faults(string scenario) => ScenarioHost.RunAsync(_emulator, "scenarios/faults.mjs", scenario);
}

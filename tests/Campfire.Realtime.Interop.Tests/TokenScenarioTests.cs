using Campfire.Realtime.Emulator;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Interop.Tests;

// The scenarios turn the clock of their emulator, so they have one of their own and take turns.
[Parallelizable(ParallelScope.Self)]
public sealed class TokenScenarioTests
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private CampfireEmulator _emulator = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { Delays = EmulatorDelays.Fast, TimeProvider = _clock });
        await Playground.CreateAsync(_emulator);
    }

    [OneTimeTearDown]
    public async Task Stop() => await _emulator.DisposeAsync();

    private static IEnumerable<TestCaseData> Scenarios() =>
        NodePackage.ScenariosOf("scenarios/tokens.mjs").Select(scenario => new TestCaseData(scenario).SetName($"tokens: {scenario}"));

    [TestCaseSource(nameof(Scenarios))]
    public async Task Scenario_with_tokens(string scenario)
    {
        ScenarioOutcome outcome = await ScenarioHost.RunAsync(_emulator, "scenarios/tokens.mjs", scenario, _clock);

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Output);
    }
}

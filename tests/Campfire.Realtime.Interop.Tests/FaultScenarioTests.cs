using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;

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

    [SetUp]
    public void ForgetFaults() => _emulator.Faults.Clear();

    private static IEnumerable<TestCaseData> Scenarios() =>
        NodePackage.ScenariosOf("scenarios/faults.mjs").Select(scenario => new TestCaseData(scenario).SetName($"faults: {scenario}"));

    [TestCaseSource(nameof(Scenarios))]
    public async Task Scenario_with_faults(string scenario)
    {
        ScenarioOutcome outcome = await ScenarioHost.RunAsync(_emulator, "scenarios/faults.mjs", scenario);

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Output);
        Assert.That(_emulator.Faults.Injected, Is.Not.Empty, "the scenario met a fault");
    }

    [TestCase(SenderType.Visitor)]
    [TestCase(SenderType.Agent)]
    public async Task Both_languages_are_back_after_a_drop_and_nothing_stored_meanwhile_is_lost(SenderType javaScriptIs)
    {
        await using Meeting meeting = await Meeting.StartAsync(_emulator, javaScriptIs);
        await meeting.JavaScriptSendsAsync("before");

        _emulator.Faults.DropConnections();
        await meeting.JavaScriptSendsAsync("during");
        await meeting.DotNet.SendMessageAsync("during, from .NET").WaitAsync(Meeting.Deadline);
        await meeting.JavaScript.CallAsync("rejoined");
        await meeting.JavaScriptSendsAsync("after");

        string[] contents = ["before", "during", "during, from .NET", "after"];
        using var deadline = new CancellationTokenSource(Meeting.Deadline);
        var heard = new List<string>();
        await foreach (ConversationEvent e in meeting.DotNet.ReadEventsAsync(deadline.Token))
        {
            if (e is MessageCreated message)
                heard.Add(message.Content);
            if (heard.Count == contents.Length)
                break;
        }

        Assert.That(heard, Is.EqualTo(contents));
        while ((string?)(await meeting.JavaScript.CallAsync("nextMessage"))!["content"] != "after")
        {
            // What came before the drop, and perhaps what was stored while it was back already.
        }

        JsonNode history = (await meeting.JavaScript.CallAsync("history"))!;
        Assert.That(history.AsArray().Select(message => (string?)message!["content"]), Is.EquivalentTo(contents));
    }
}

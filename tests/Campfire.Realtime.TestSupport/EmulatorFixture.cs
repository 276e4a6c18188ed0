using Campfire.Realtime.Emulator;
using NUnit.Framework;

namespace Campfire.Realtime.TestSupport;

// One emulator for all tests of an assembly: derive a [SetUpFixture] from it in the assembly's root namespace.
public abstract class EmulatorFixture
{
    private static CampfireEmulator? _emulator;

    public static CampfireEmulator Emulator =>
        _emulator ?? throw new InvalidOperationException("This test assembly has no [SetUpFixture] that derives from EmulatorFixture.");

    // Tests send and join at the machine's speed, all of them in one project.
    public static EmulatorLimits Unhurried() => new() { MaxEventsPerSecond = int.MaxValue, MaxJoinsPerSecond = int.MaxValue, MaxPresenceEventsPerSecond = int.MaxValue };

    [OneTimeSetUp]
    public async Task StartEmulator()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast, Limits = Unhurried() }, deadline.Token);
        await VisitorLimits.LiftAsync(_emulator, deadline.Token);
    }

    [OneTimeTearDown]
    public async Task StopEmulator()
    {
        if (_emulator is not null)
            await _emulator.DisposeAsync();
    }
}

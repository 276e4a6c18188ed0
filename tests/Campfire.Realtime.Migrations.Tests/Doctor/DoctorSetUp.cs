using Campfire.Realtime.Emulator;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

// A database to break. Its tests break it in transactions that they roll back.
[SetUpFixture]
public sealed class DoctorSetUp
{
    private static CampfireEmulator? _emulator;

    internal static CampfireEmulator Emulator => _emulator!;

    [OneTimeSetUp]
    public static async Task StartAsync() =>
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast });

    [OneTimeTearDown]
    public static async Task StopAsync()
    {
        if (_emulator is not null)
            await _emulator.DisposeAsync();
    }
}

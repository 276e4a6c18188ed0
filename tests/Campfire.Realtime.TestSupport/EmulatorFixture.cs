using Campfire.Realtime.Emulator;
using Npgsql;
using NUnit.Framework;

namespace Campfire.Realtime.TestSupport;

// One emulator for all tests of an assembly: derive a [SetUpFixture] from it in the assembly's root namespace.
public abstract class EmulatorFixture
{
    private static CampfireEmulator? _emulator;

    public static CampfireEmulator Emulator =>
        _emulator ?? throw new InvalidOperationException("This test assembly has no [SetUpFixture] that derives from EmulatorFixture.");

    [OneTimeSetUp]
    public async Task StartEmulator()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast }, deadline.Token);

        // Tests write faster than a visitor may.
        await using var connection = new NpgsqlConnection(_emulator.ConnectionString);
        await connection.OpenAsync(deadline.Token);
        await using var lift = new NpgsqlCommand(
            "update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null", connection);
        await lift.ExecuteNonQueryAsync(deadline.Token);
    }

    [OneTimeTearDown]
    public async Task StopEmulator()
    {
        if (_emulator is not null)
            await _emulator.DisposeAsync();
    }
}

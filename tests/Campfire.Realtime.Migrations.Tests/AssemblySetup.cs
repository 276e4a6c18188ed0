using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;
using Npgsql;

[assembly: Parallelizable(ParallelScope.All)]
[assembly: FixtureLifeCycle(LifeCycle.InstancePerTestCase)]

namespace Campfire.Realtime.Migrations.Tests;

[SetUpFixture]
public sealed class AssemblySetup
{
    private static CampfireEmulator? _emulator;
    private static NpgsqlDataSource? _database;

    // As Supabase's postgres, which is no superuser.
    internal static NpgsqlDataSource Database => _database!;

    internal static CampfireEmulator Emulator => _emulator!;

    internal static string ConnectionString => _emulator!.ConnectionString;

    internal static string AdminConnectionString => _emulator!.AdminConnectionString;

    [OneTimeSetUp]
    public static async Task StartAsync()
    {
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions
        {
            ApplyMigrations = false,
            Delays = EmulatorDelays.Fast,
            Limits = EmulatorFixture.Unhurried(),
        });
        await new CampfireMigrator(_emulator.ConnectionString).MigrateAsync();

        // Npgsql 10 loses its place in the protocol when a statement that it prepares by itself is refused.
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_emulator.ConnectionString) { MaxAutoPrepare = 0 });

        // The tests write faster than a visitor may; those of the limits set them in transactions of their own.
        await using NpgsqlCommand lift = _database.CreateCommand(
            "update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null");
        await lift.ExecuteNonQueryAsync();
    }

    [OneTimeTearDown]
    public static async Task StopAsync()
    {
        if (_database is not null)
            await _database.DisposeAsync();
        if (_emulator is not null)
            await _emulator.DisposeAsync();
    }
}

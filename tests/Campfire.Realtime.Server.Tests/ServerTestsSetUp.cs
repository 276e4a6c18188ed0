using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Server.Tests;

[SetUpFixture]
public sealed class ServerTestsSetUp : EmulatorFixture
{
    private static NpgsqlDataSource? _database;

    public static NpgsqlDataSource Database => _database ?? throw new InvalidOperationException("The emulator has not started.");

    [OneTimeSetUp]
    public void OpenDatabase() => _database = NpgsqlDataSource.Create(Emulator.ConnectionString);

    [OneTimeTearDown]
    public async Task CloseDatabaseAsync()
    {
        if (_database is not null)
            await _database.DisposeAsync();
    }
}

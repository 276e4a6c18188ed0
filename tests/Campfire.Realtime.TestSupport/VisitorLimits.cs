using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.TestSupport;

public static class VisitorLimits
{
    // Tests write faster than a visitor may.
    public static async Task LiftAsync(CampfireEmulator emulator, CancellationToken cancellationToken = default)
    {
        await using var database = NpgsqlDataSource.Create(emulator.ConnectionString);
        await using var command = database.CreateCommand("update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

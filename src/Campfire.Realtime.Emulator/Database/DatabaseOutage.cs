using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

// Tells a database that is not there from one that says no.
internal static class DatabaseOutage
{
    public static bool IsCauseOf(NpgsqlException failure) => failure is not PostgresException refused
        || refused.SqlState is PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow
            or PostgresErrorCodes.TooManyConnections
        || refused.SqlState.StartsWith("08", StringComparison.Ordinal);
}

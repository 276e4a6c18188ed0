using Npgsql;

namespace Campfire.Realtime.Migrations.Running;

// What PostgreSQL or the network reported, as a cause and a remedy.
internal static class MigrationFaults
{
    public static CampfireMigrationException OnOpen(NpgsqlConnection connection, NpgsqlException exception)
    {
        // The connection itself forgets where it was going once it has failed.
        NpgsqlConnectionStringBuilder settings = new(connection.ConnectionString);
        string target = $"{settings.Host}:{settings.Port}";
        return (exception as PostgresException)?.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification => new(
                CampfireMigrationErrorCode.AuthenticationFailed,
                $"{target} refused the user '{settings.Username}'. Check the user name and the password; " +
                "Supabase shows them under Project Settings, Database.",
                innerException: exception),
            PostgresErrorCodes.InvalidCatalogName => new(
                CampfireMigrationErrorCode.DatabaseNotFound,
                $"{target} has no database '{settings.Database}'. On Supabase it is 'postgres'.",
                innerException: exception),
            _ => new(
                CampfireMigrationErrorCode.ConnectionFailed,
                $"No connection to PostgreSQL at {target}: {exception.Message} Check the host, the port and the network.",
                innerException: exception),
        };
    }

    public static CampfireMigrationException OnScript(string step, string? migrationName, NpgsqlException exception) =>
        exception switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused => new(
                CampfireMigrationErrorCode.InsufficientRights,
                $"{Capitalize(step)} needs a right that the database user lacks: {refused.MessageText}. Nothing of it was kept. " +
                "Connect as 'postgres', the owner of the project's database.",
                migrationName,
                refused),
            PostgresException
            {
                SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow,
            } => Broken(step, migrationName, exception),
            PostgresException failed => new(
                CampfireMigrationErrorCode.ScriptFailed,
                $"{Capitalize(step)} failed and was rolled back: {failed.MessageText} (SQLSTATE {failed.SqlState})." +
                (string.IsNullOrEmpty(failed.Hint) ? "" : $" {failed.Hint}"),
                migrationName,
                failed),
            { InnerException: TimeoutException } => new(
                CampfireMigrationErrorCode.ScriptFailed,
                $"{Capitalize(step)} ran longer than ScriptTimeout and was rolled back. Look for sessions that block it in pg_stat_activity, " +
                "or allow more time.",
                migrationName,
                exception),
            _ => Broken(step, migrationName, exception),
        };

    private static CampfireMigrationException Broken(string step, string? migrationName, NpgsqlException exception) => new(
        CampfireMigrationErrorCode.ConnectionFailed,
        $"The connection broke during {step}: {exception.Message} Nothing of it was kept; run the migrator again.",
        migrationName,
        exception);

    private static string Capitalize(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}

using Npgsql;

namespace Campfire.Realtime.Migrations.Running;

// What PostgreSQL or the network reported, as a cause and a remedy.
internal static class MigrationFaults
{
    // What 0001_survey raises: the detail has a line for each obstacle.
    private const string NotAdoptable = "CFA01";

    private const string UnsafeNewEnumValueUsage = "55P04";

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
            // Npgsql has no code for it.
            null when string.IsNullOrEmpty(settings.Password) && exception.Message.Contains("password", StringComparison.OrdinalIgnoreCase) => new(
                CampfireMigrationErrorCode.AuthenticationFailed,
                $"{target} asks for the password of '{settings.Username}', and the connection has none. Add it: postgresql://user:password@host, or Password=….",
                innerException: exception),
            _ => new(
                CampfireMigrationErrorCode.ConnectionFailed,
                $"No connection to PostgreSQL at {target}: {MessageOf(exception)} Check the host, the port and the network.",
                innerException: exception),
        };
    }

    public static CampfireMigrationException OnScript(
        NpgsqlConnection connection, string step, string? migrationName, NpgsqlException exception) =>
        exception switch
        {
            PostgresException { SqlState: NotAdoptable } refused => OnNotAdoptable(connection, migrationName, refused),
            PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } late => new(
                CampfireMigrationErrorCode.LockTimeout,
                $"{Capitalize(step)} waited too long for a lock that another session holds; nothing of it was kept. " +
                "Look for long transactions and other migrators in pg_stat_activity, and try again when they have ended.",
                migrationName,
                Redact(late)),
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused => new(
                CampfireMigrationErrorCode.InsufficientRights,
                $"{Capitalize(step)} needs a right that the database user lacks: {refused.MessageText}. Nothing of it was kept. " +
                "Connect as 'postgres', the owner of the project's database.",
                migrationName,
                Redact(refused)),
            PostgresException
            {
                SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow,
            } => Broken(step, migrationName, exception),
            PostgresException failed => new(
                CampfireMigrationErrorCode.ScriptFailed,
                $"{Capitalize(step)} failed and was rolled back: {failed.MessageText} (SQLSTATE {failed.SqlState})." +
                (string.IsNullOrEmpty(failed.Hint) ? "" : $" {failed.Hint}"),
                migrationName,
                Redact(failed)),
            { InnerException: TimeoutException } => new(
                CampfireMigrationErrorCode.ScriptFailed,
                $"{Capitalize(step)} ran longer than ScriptTimeout and was rolled back. Look for sessions that block it in pg_stat_activity, " +
                "or allow more time (campfire migrate --script-timeout).",
                migrationName,
                exception),
            _ => Broken(step, migrationName, exception),
        };

    // PostgreSQL lets nobody use a label of an enum before the transaction that adds it to the enum is committed.
    public static bool NeedsCommit(CampfireMigrationException exception) =>
        exception.InnerException is PostgresException { SqlState: UnsafeNewEnumValueUsage };

    private static CampfireMigrationException OnNotAdoptable(
        NpgsqlConnection connection, string? migrationName, PostgresException refused)
    {
        bool isDetailVisible = new NpgsqlConnectionStringBuilder(connection.ConnectionString).IncludeErrorDetail;
        return new(
            CampfireMigrationErrorCode.NotAdoptable,
            refused.MessageText +
            (string.IsNullOrEmpty(refused.Hint) ? "" : $" {refused.Hint}") +
            (isDetailVisible ? "" : " The data source hides the list of what does not fit: set 'Include Error Detail=true' in its connection string."),
            migrationName,
            Redact(refused),
            isDetailVisible ? refused.Detail?.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : null);
    }

    // Details quote rows ('Key (email)=(…) already exists'), and whoever logs our exception logs the inner one as well.
    public static PostgresException Redact(PostgresException exception) => new(
        exception.MessageText,
        exception.Severity,
        exception.InvariantSeverity,
        exception.SqlState,
        hint: exception.Hint,
        position: exception.Position,
        where: exception.Where,
        schemaName: exception.SchemaName,
        tableName: exception.TableName,
        columnName: exception.ColumnName,
        dataTypeName: exception.DataTypeName,
        constraintName: exception.ConstraintName,
        file: exception.File,
        line: exception.Line,
        routine: exception.Routine);

    // Unlike Message, MessageText leaves the detail out.
    public static string MessageOf(NpgsqlException exception) =>
        exception is PostgresException told ? $"{told.MessageText} (SQLSTATE {told.SqlState})." : $"{exception.Message.TrimEnd('.')}.";

    private static CampfireMigrationException Broken(string step, string? migrationName, NpgsqlException exception) => new(
        CampfireMigrationErrorCode.ConnectionFailed,
        $"The connection broke during {step}: {MessageOf(exception)} Nothing of it was kept; run the migrator again.",
        migrationName,
        exception is PostgresException told ? Redact(told) : exception);

    private static string Capitalize(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}

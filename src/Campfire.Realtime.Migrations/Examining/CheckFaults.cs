using Campfire.Realtime.Migrations.Running;
using Npgsql;

namespace Campfire.Realtime.Migrations.Examining;

// Why a check could not be made. Nothing was changed in any case.
internal static class CheckFaults
{
    public static CampfireMigrationException OnCheck(string check, NpgsqlException exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused => new(
            CampfireMigrationErrorCode.InsufficientRights,
            $"The check '{check}' needs a right that the database user lacks: {refused.MessageText}. " +
            "Connect as 'postgres', the owner of the project's database.",
            innerException: MigrationFaults.Redact(refused)),
        PostgresException
        {
            SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow,
        } => Broken(check, exception),
        PostgresException failed => new(
            CampfireMigrationErrorCode.ScriptFailed,
            $"The check '{check}' failed: {failed.MessageText} (SQLSTATE {failed.SqlState}).",
            innerException: MigrationFaults.Redact(failed)),
        { InnerException: TimeoutException } => new(
            CampfireMigrationErrorCode.ScriptFailed,
            $"The check '{check}' ran longer than CheckTimeout. Allow more time, or look for sessions that block it in pg_stat_activity.",
            innerException: exception),
        _ => Broken(check, exception),
    };

    private static CampfireMigrationException Broken(string check, NpgsqlException exception) => new(
        CampfireMigrationErrorCode.ConnectionFailed,
        $"The connection broke during the check '{check}': {MigrationFaults.MessageOf(exception)} Try again.",
        innerException: exception is PostgresException told ? MigrationFaults.Redact(told) : exception);
}

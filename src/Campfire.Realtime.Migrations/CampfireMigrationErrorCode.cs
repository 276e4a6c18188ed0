namespace Campfire.Realtime.Migrations;

/// <summary>Names the reason of a <see cref="CampfireMigrationException"/>.</summary>
public enum CampfireMigrationErrorCode
{
    /// <summary>The server could not be reached, or the connection broke; what was running was rolled back.</summary>
    ConnectionFailed,

    /// <summary>The server refused the user or the password.</summary>
    AuthenticationFailed,

    /// <summary>The server has no such database.</summary>
    DatabaseNotFound,

    /// <summary>The server is older than PostgreSQL 15.</summary>
    ServerTooOld,

    /// <summary>The database is no Supabase database: schema, function or role of Supabase is missing.</summary>
    SupabaseMissing,

    /// <summary>The database user may not do what the scripts need.</summary>
    InsufficientRights,

    /// <summary>A script was changed after it had been applied to the database.</summary>
    ScriptEdited,

    /// <summary>The database has scripts that this package does not know: a newer package was here.</summary>
    PackageTooOld,

    /// <summary>A script that was not applied comes before one that was.</summary>
    ScriptSkipped,

    /// <summary>A script failed and was rolled back; the scripts before it stay applied.</summary>
    ScriptFailed,

    /// <summary>The database holds tables that cannot be adopted; <see cref="CampfireMigrationException.Obstacles"/> lists why.</summary>
    NotAdoptable,

    /// <summary>Another session held a lock for too long; nothing was changed.</summary>
    LockTimeout,

    /// <summary>The folder of an export holds files of the same names with other content; nothing was written.</summary>
    FileDiffers,
}

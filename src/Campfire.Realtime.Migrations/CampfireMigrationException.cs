namespace Campfire.Realtime.Migrations;

/// <summary>Reports why the database could not be migrated, and what to do about it.</summary>
public sealed class CampfireMigrationException : Exception
{
    internal CampfireMigrationException(
        CampfireMigrationErrorCode code, string message, string? migrationName = null, Exception? innerException = null,
        IReadOnlyList<string>? obstacles = null)
        : base(message, innerException)
    {
        Code = code;
        MigrationName = migrationName;
        Obstacles = obstacles ?? [];
    }

    /// <summary>Gets the reason.</summary>
    public CampfireMigrationErrorCode Code { get; }

    /// <summary>Gets the name of the script that the error is about, or <see langword="null"/>.</summary>
    public string? MigrationName { get; }

    /// <summary>Gets what keeps the database from being adopted, one sentence each.</summary>
    /// <value>Empty unless <see cref="Code"/> is <see cref="CampfireMigrationErrorCode.NotAdoptable"/>; empty then, too, when the
    /// caller's data source hides the details of errors, which the message says.</value>
    public IReadOnlyList<string> Obstacles { get; }
}

namespace Campfire.Realtime.Migrations;

/// <summary>Reports why the database could not be migrated, and what to do about it.</summary>
public sealed class CampfireMigrationException : Exception
{
    internal CampfireMigrationException(
        CampfireMigrationErrorCode code, string message, string? migrationName = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Code = code;
        MigrationName = migrationName;
    }

    /// <summary>Gets the reason.</summary>
    public CampfireMigrationErrorCode Code { get; }

    /// <summary>Gets the name of the script that the error is about, or <see langword="null"/>.</summary>
    public string? MigrationName { get; }
}

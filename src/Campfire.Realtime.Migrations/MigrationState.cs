namespace Campfire.Realtime.Migrations;

/// <summary>Names how a script of the package and the database's journal agree.</summary>
public enum MigrationState
{
    /// <summary>It was applied as it is in this package.</summary>
    Applied,

    /// <summary>It was not applied yet; the next run applies it.</summary>
    Pending,

    /// <summary>It was not applied, although a later one was. Migrating is refused.</summary>
    Missing,

    /// <summary>It was applied with another text than it has in this package. Migrating is refused.</summary>
    Edited,

    /// <summary>It was applied, and this package does not know it: a newer package was here. Migrating is refused.</summary>
    Unknown,
}

namespace Campfire.Realtime.Migrations;

/// <summary>Reports that a script starts or has been applied.</summary>
/// <param name="Migration">The script.</param>
/// <param name="Number">The position of the script among those that this run applies, from 1.</param>
/// <param name="Count">The number of scripts that this run applies.</param>
/// <param name="IsApplied"><see langword="false"/> when the script starts, <see langword="true"/> once it is committed.</param>
public sealed record MigrationProgress(CampfireMigration Migration, int Number, int Count, bool IsApplied);

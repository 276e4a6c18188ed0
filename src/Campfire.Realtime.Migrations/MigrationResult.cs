namespace Campfire.Realtime.Migrations;

/// <summary>Says what a run of <see cref="CampfireMigrator.MigrateAsync"/> did.</summary>
/// <param name="Applied">The scripts that this run applied, in order; empty when the database was current.</param>
public sealed record MigrationResult(IReadOnlyList<CampfireMigration> Applied);

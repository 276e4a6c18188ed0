namespace Campfire.Realtime.Migrations;

/// <summary>Says what <see cref="CampfireMigrator.MigrateAsync"/> would do, and how much of it was tried.</summary>
/// <param name="Pending">The scripts that would be applied, in order; empty when the database is current.</param>
/// <param name="Untried">Those of them, from one on to the last, that cannot run in one transaction with the scripts before
/// them: PostgreSQL allows a new label of an enum only after the commit of what added it. Usually empty.</param>
public sealed record MigrationPreview(IReadOnlyList<CampfireMigration> Pending, IReadOnlyList<CampfireMigration> Untried);

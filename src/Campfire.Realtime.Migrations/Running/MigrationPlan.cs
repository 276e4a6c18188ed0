namespace Campfire.Realtime.Migrations.Running;

internal static class MigrationPlan
{
    public static IReadOnlyList<CampfireMigration> FindPending(
        IReadOnlyList<CampfireMigration> migrations, IReadOnlyList<JournalEntry> journal)
    {
        Dictionary<string, string> applied = journal.ToDictionary(entry => entry.Name, entry => entry.Checksum);
        HashSet<string> known = [.. migrations.Select(migration => migration.Name)];

        if (journal.FirstOrDefault(entry => !known.Contains(entry.Name)) is { } unknown)
            throw new CampfireMigrationException(
                CampfireMigrationErrorCode.PackageTooOld,
                $"The database has the migration {unknown.Name}, which this package does not know. " +
                "Update Campfire.Realtime.Migrations to the version that applied it, or a later one.",
                unknown.Name);

        if (migrations.FirstOrDefault(migration =>
                applied.TryGetValue(migration.Name, out string? checksum) && checksum != migration.Checksum) is { } edited)
            throw new CampfireMigrationException(
                CampfireMigrationErrorCode.ScriptEdited,
                $"The migration {edited.Name} differs from the one that was applied to the database. " +
                "Restore the released script and put the change into a new one.",
                edited.Name);

        int firstPending = migrations.TakeWhile(migration => applied.ContainsKey(migration.Name)).Count();
        if (migrations.Skip(firstPending).Any(migration => applied.ContainsKey(migration.Name)))
            throw new CampfireMigrationException(
                CampfireMigrationErrorCode.ScriptSkipped,
                $"The migration {migrations[firstPending].Name} was not applied, although a later one was. " +
                "Restore the rows that were deleted from campfire.migrations, or the database from a backup.",
                migrations[firstPending].Name);

        return [.. migrations.Skip(firstPending)];
    }

    public static IReadOnlyList<MigrationStatus> Describe(
        IReadOnlyList<CampfireMigration> migrations, IReadOnlyList<JournalEntry> journal)
    {
        Dictionary<string, CampfireMigration> known = migrations.ToDictionary(migration => migration.Name);
        HashSet<string> applied = [.. journal.Select(entry => entry.Name)];
        string? lastApplied = migrations.LastOrDefault(migration => applied.Contains(migration.Name))?.Name;

        IEnumerable<MigrationStatus> recorded = journal.Select(entry => new MigrationStatus(
            entry.Name,
            !known.TryGetValue(entry.Name, out CampfireMigration? migration) ? MigrationState.Unknown
                : migration.Checksum != entry.Checksum ? MigrationState.Edited
                : MigrationState.Applied,
            entry.AppliedAt,
            entry.AppliedBy,
            entry.PackageVersion));
        IEnumerable<MigrationStatus> unrecorded = migrations
            .Where(migration => !applied.Contains(migration.Name))
            .Select(migration => new MigrationStatus(
                migration.Name,
                string.CompareOrdinal(migration.Name, lastApplied) < 0 ? MigrationState.Missing : MigrationState.Pending,
                AppliedAt: null,
                AppliedBy: null,
                PackageVersion: null));
        return [.. recorded.Concat(unrecorded).OrderBy(status => status.Name, StringComparer.Ordinal)];
    }
}

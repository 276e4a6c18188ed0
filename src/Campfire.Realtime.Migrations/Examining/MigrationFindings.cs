using Campfire.Realtime.Migrations.Running;

namespace Campfire.Realtime.Migrations.Examining;

// What the journal says, as findings.
internal static class MigrationFindings
{
    public const string Pending = "migration_pending";
    public const string Unknown = "migration_unknown";
    public const string Edited = "migration_edited";
    public const string Skipped = "migration_skipped";

    public static DoctorFinding? Find(IReadOnlyList<CampfireMigration> migrations, IReadOnlyList<JournalEntry> journal)
    {
        IReadOnlyList<CampfireMigration> pending;
        try
        {
            pending = MigrationPlan.FindPending(migrations, journal);
        }
        catch (CampfireMigrationException exception)
        {
            string code = exception.Code switch
            {
                CampfireMigrationErrorCode.PackageTooOld => Unknown,
                CampfireMigrationErrorCode.ScriptEdited => Edited,
                _ => Skipped,
            };
            return new(code, DoctorSeverity.Error, exception.MigrationName!, exception.Message, code switch
            {
                Unknown => "-- Examine the database with the version of campfire that migrated it, or a later one.",
                Edited => "-- Examine and migrate with the released package; undo by hand what the edited script did otherwise.",
                _ => "-- Restore the rows of campfire.migrations from a backup.",
            });
        }

        return pending.Count == 0 ? null : new(
            Pending,
            DoctorSeverity.Error,
            pending[0].Name,
            pending.Count == migrations.Count
                ? "The database has not been migrated. What else there is to check waits for that."
                : $"{pending.Count} of {migrations.Count} migrations are not applied. What else there is to check waits for that.",
            "-- Run: campfire migrate --connection …");
    }
}

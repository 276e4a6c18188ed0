using System.Globalization;
using Campfire.Realtime.Migrations.Running;

namespace Campfire.Realtime.Migrations.Exporting;

// A script as a file for 'supabase db push', which sends the statements of a file as one transaction and knows nothing of our journal.
// The same file comes out for the same script, always and everywhere: neither clock nor package version may get in.
internal static class SupabaseMigrationFile
{
    private const string EditedSqlState = "CFA02";
    private const string SkippedSqlState = "CFA03";

    // The day of the first release. Script 12 is twelve minutes later; there is room for all 9,999.
    private static readonly DateTime _numberZero = new(2026, 11, 24, 0, 0, 0, DateTimeKind.Utc);

    public static string NameOf(CampfireMigration migration)
    {
        int number = int.Parse(migration.Name.AsSpan(0, 4), NumberStyles.None, CultureInfo.InvariantCulture);
        return _numberZero.AddMinutes(number).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture) + EndOfNameOf(migration);
    }

    // What stays of the name when somebody moves the file to another time.
    public static string EndOfNameOf(CampfireMigration migration) => $"_campfire_{migration.Name[5..]}.sql";

    // Nothing can skip the statements that follow in a file, so the script is text that one block executes or leaves alone.
    public static string TextOf(CampfireMigration migration, CampfireMigration? previous)
    {
        string script = Quote($"\n{migration.Sql}", "script");
        string block = $"""

            declare
                v_checksum text;
            begin
                -- Waits for a migrator that is at work, as migrators wait for each other.
                perform pg_advisory_xact_lock({MigrationSession.LockKey});

                if to_regclass('campfire.migrations') is null then
                    {MigrationSession.Journal.ReplaceLineEndings("\n        ")}
                end if;

                select checksum into v_checksum from campfire.migrations where name = '{migration.Name}';
                if v_checksum = '{migration.Checksum}' then
                    return;
                elsif found then
                    raise exception 'The migration {migration.Name} differs from the one that was applied to this database.'
                        using errcode = '{EditedSqlState}',
                              hint = 'Export the migrations again with the version of Campfire.Realtime that applied it, or a later one.';
                end if;
            {RequirePrevious(migration, previous)}
                execute {script};
                insert into campfire.migrations (name, checksum, package_version)
                values ('{migration.Name}', '{migration.Checksum}', 'exported');
                perform pg_notify('pgrst', 'reload schema');
            end

            """;

        return $"""
            -- {migration.Name} of Campfire.Realtime, for the Supabase CLI. Written by campfire migrations export, not to be edited.
            -- Does nothing where campfire.migrations has the script already.

            select set_config('statement_timeout', '0', true), set_config('client_min_messages', 'warning', true);

            do {Quote(block, "campfire")};

            """.ReplaceLineEndings("\n");
    }

    private static string RequirePrevious(CampfireMigration migration, CampfireMigration? previous) => previous is null ? "" : $"""
            if not exists (select from campfire.migrations where name = '{previous.Name}') then
                raise exception 'The migration {migration.Name} comes after {previous.Name}, which this database does not have.'
                    using errcode = '{SkippedSqlState}',
                          hint = 'Apply the file of {previous.Name} first.';
            end if;

        """;

    private static string Quote(string text, string tag)
    {
        string quote = $"${tag}$";
        for (int number = 2; text.Contains(quote, StringComparison.Ordinal); number++)
            quote = $"${tag}{number}$";
        return quote + text + quote;
    }
}

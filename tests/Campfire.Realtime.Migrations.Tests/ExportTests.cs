using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class ExportTests : MigratorFixture
{
    private const string Journal = "select name || ' ' || checksum || ' ' || applied_by || ' ' || package_version || ' ' || applied_at from campfire.migrations order by name";

    [Test]
    public async Task Files_have_a_name_for_ever_and_sort_as_the_scripts_do()
    {
        using TemporaryFolder folder = new();

        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);

        Assert.That(files.Select(file => file.Migration), Is.EqualTo(CampfireMigrations.All));
        Assert.That(Path.GetFileName(files[0].Path), Is.EqualTo("20261124000100_campfire_survey.sql"));
        Assert.That(Path.GetFileName(files[11].Path), Is.EqualTo("20261124001200_campfire_realtime.sql"));
        Assert.That(
            Directory.GetFileSystemEntries(folder.FullPath).Order(StringComparer.Ordinal),
            Is.EqualTo(files.Select(file => file.Path)), "and nothing else is left there");
        Assert.That(files.Select(file => File.ReadAllText(file.Path)), Has.None.Contain("\r").And.None.Contain(typeof(CampfireMigrations).Assembly.GetName().Version!.ToString(3)));
    }

    [Test]
    public async Task Exported_files_make_the_same_database_as_the_migrator()
    {
        using TemporaryFolder folder = new();
        CampfireMigrator migrator = new(Emulator.ConnectionString);
        await migrator.MigrateAsync();
        string migrated = await ReadAsync<string>(Catalogue.Query);
        await ResetAsync();

        await ApplyAsync(await CampfireMigrations.ExportAsync(folder.FullPath));

        Assert.That(await ReadAsync<string>(Catalogue.Query), Is.EqualTo(migrated));
        Assert.That(migrated.Split('\n'), Has.Length.GreaterThan(100), "the catalogue was read");
        Assert.That(await migrator.GetPendingAsync(), Is.Empty);
        Assert.That(
            await ListAsync("select name || ' ' || checksum from campfire.migrations where package_version = 'exported' and applied_by = 'postgres' order by name"),
            Is.EqualTo(CampfireMigrations.All.Select(migration => $"{migration.Name} {migration.Checksum}")));
    }

    [Test]
    public async Task Exported_files_change_nothing_when_they_run_again()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        await ApplyAsync(files);
        List<string> before = [await ReadAsync<string>(Catalogue.Query), .. await ListAsync(Journal)];

        await ApplyAsync(files);

        Assert.That((List<string>)[await ReadAsync<string>(Catalogue.Query), .. await ListAsync(Journal)], Is.EqualTo(before));
    }

    [Test]
    public async Task Exported_files_change_nothing_where_the_migrator_was()
    {
        using TemporaryFolder folder = new();
        await new CampfireMigrator(Emulator.ConnectionString).MigrateAsync();
        List<string> before = [await ReadAsync<string>(Catalogue.Query), .. await ListAsync(Journal)];

        await ApplyAsync(await CampfireMigrations.ExportAsync(folder.FullPath));

        Assert.That((List<string>)[await ReadAsync<string>(Catalogue.Query), .. await ListAsync(Journal)], Is.EqualTo(before));
    }

    [Test]
    public async Task Migrator_continues_where_the_files_ended()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);

        await ApplyAsync(files.Take(5));

        Assert.That(
            (await new CampfireMigrator(Emulator.ConnectionString).MigrateAsync()).Applied, Is.EqualTo(CampfireMigrations.All.Skip(5)));
    }

    [Test]
    public async Task File_of_a_script_that_was_applied_with_another_text_is_refused()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        await ApplyAsync(files);
        await ExecuteAsync("update campfire.migrations set checksum = 'another' where name = '0003_tables'");

        PostgresException refusal = Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(files))!;

        Assert.That(refusal.SqlState, Is.EqualTo("CFA02"));
        Assert.That(refusal.MessageText, Does.Contain("0003_tables differs"));
        Assert.That(refusal.Hint, Is.Not.Empty);
    }

    [Test]
    public async Task File_whose_predecessor_is_missing_is_refused_and_leaves_nothing()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);

        PostgresException refusal = Assert.ThrowsAsync<PostgresException>(() => ApplyAsync(files.Skip(1)))!;

        Assert.That(refusal.SqlState, Is.EqualTo("CFA03"));
        Assert.That(refusal.Hint, Is.EqualTo("Apply the file of 0001_survey first."));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
    }

    [Test]
    public async Task File_waits_for_a_migrator_that_is_at_work()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");

        Task applying = ApplyAsync(files);
        while (await ReadAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and not granted") == 0)
            Assert.That(applying.IsCompleted, Is.False, "it did not wait");

        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");
        await applying.WaitAsync(Deadline);
    }

    [Test]
    public async Task Files_and_migrators_that_run_together_apply_each_script_once()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        CampfireMigrator migrator = new(Emulator.ConnectionString);

        await Task.WhenAll(ApplyAsync(files), migrator.MigrateAsync(), ApplyAsync(files)).WaitAsync(Deadline);

        Assert.That(await ReadAsync<long>("select count(*) from campfire.migrations"), Is.EqualTo(CampfireMigrations.All.Count));
        Assert.That(await migrator.GetPendingAsync(), Is.Empty);
    }

    [Test]
    public async Task File_is_not_ended_by_the_statement_timeout_of_the_role()
    {
        CampfireMigration slow = CampfireMigrations.Create("0001_slow", "create table public.slow as select 1 as value from pg_sleep(0.5);");
        await using NpgsqlConnection hurried = new(
            new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { Options = "-c statement_timeout=100" }.ConnectionString);
        await hurried.OpenAsync();

        await ApplyAsync(hurried, Exporting.SupabaseMigrationFile.TextOf(slow, previous: null));

        Assert.That(await ExistsAsync("slow"), Is.True);
        Assert.That(await hurried.ReadAsync<string>("show statement_timeout"), Is.EqualTo("100ms"), "the setting ends with the file");
    }

    [Test]
    public async Task Script_that_contains_the_quotes_of_the_file_is_quoted_all_the_same()
    {
        CampfireMigration quoting = CampfireMigrations.Create(
            "0001_quoting", "create table public.quoting as select $script$a$script$ || $campfire$b$campfire$ || $script2$c$script2$ as value;");

        await ExecuteAsync(Exporting.SupabaseMigrationFile.TextOf(quoting, previous: null));

        Assert.That(await ReadAsync<string>("select value from public.quoting"), Is.EqualTo("abc"));
    }

    [Test]
    public async Task Files_that_are_there_already_are_left_alone()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        File.Delete(files[2].Path);
        string windows = File.ReadAllText(files[3].Path).ReplaceLineEndings("\r\n");
        File.WriteAllText(files[3].Path, windows);
        DateTime before = File.GetLastWriteTimeUtc(files[0].Path);

        IReadOnlyList<ExportedMigration> again = await CampfireMigrations.ExportAsync(folder.FullPath);

        Assert.That(again.Where(file => file.IsWritten).Select(file => file.Path), Is.EqualTo(new[] { files[2].Path }));
        Assert.That(File.GetLastWriteTimeUtc(files[0].Path), Is.EqualTo(before));
        Assert.That(File.ReadAllText(files[3].Path), Is.EqualTo(windows), "a checkout with other line ends is the same file");
    }

    [Test]
    public async Task File_that_the_user_moved_to_another_time_is_not_written_again()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<ExportedMigration> files = await CampfireMigrations.ExportAsync(folder.FullPath);
        string later = Path.Combine(folder.FullPath, "20270101000000_campfire_survey.sql");
        File.Move(files[0].Path, later);

        IReadOnlyList<ExportedMigration> again = await CampfireMigrations.ExportAsync(folder.FullPath);

        Assert.That(again, Has.All.Property("IsWritten").False);
        Assert.That(again[0].Path, Is.EqualTo(later));
        Assert.That(File.Exists(files[0].Path), Is.False);
    }

    [Test]
    public async Task File_in_the_place_of_the_folder_is_named()
    {
        using TemporaryFolder folder = new();
        string file = Path.Combine(folder.FullPath, "migrations");
        await File.WriteAllTextAsync(file, "");

        Assert.That(() => CampfireMigrations.ExportAsync(file), Throws.TypeOf<IOException>().With.Message.Contains($"{file} is a file"));
    }

    [Test]
    public async Task File_with_other_content_stops_the_export_before_anything_is_written()
    {
        using TemporaryFolder folder = new();
        string other = Path.Combine(folder.FullPath, "20261124001200_campfire_realtime.sql");
        await File.WriteAllTextAsync(other, "select 'mine';");

        CampfireMigrationException error = ThrowsMigration(() => CampfireMigrations.ExportAsync(folder.FullPath));

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.FileDiffers));
        Assert.That(error.Message, Does.Contain("20261124001200_campfire_realtime.sql").And.Contain("--force"));
        Assert.That(Directory.GetFileSystemEntries(folder.FullPath), Is.EqualTo(new[] { other }));
        Assert.That(await File.ReadAllTextAsync(other), Is.EqualTo("select 'mine';"));

        IReadOnlyList<ExportedMigration> forced = await CampfireMigrations.ExportAsync(folder.FullPath, overwrite: true);
        Assert.That(forced, Has.All.Property("IsWritten").True);
        Assert.That(await File.ReadAllTextAsync(other), Does.StartWith("-- 0012_realtime"));
    }

    // As the Supabase CLI does it: the statements of a file as one batch, which is one transaction.
    private async Task ApplyAsync(IEnumerable<ExportedMigration> files)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
        foreach (ExportedMigration file in files)
        {
            await connection.ExecuteAsync("reset all");
            await ApplyAsync(connection, await File.ReadAllTextAsync(file.Path));
        }
    }

    private static async Task ApplyAsync(NpgsqlConnection connection, string text)
    {
        int block = text.IndexOf("\ndo $", StringComparison.Ordinal);
        await using NpgsqlBatch batch = new(connection)
        {
            BatchCommands = { new NpgsqlBatchCommand(text[..block]), new NpgsqlBatchCommand(text[block..]) },
        };
        await batch.ExecuteNonQueryAsync();
    }
}

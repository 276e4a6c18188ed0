using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Commands;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MigrateCommandTests : MigratorFixture
{
    [Test]
    public async Task Dry_run_says_what_would_run_and_changes_nothing()
    {
        (int exitCode, string output, string error) = await CampfireProcess.RunAsync(
            "migrate", "--dry-run", "--connection", Emulator.DatabaseUri.OriginalString);

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(
            output.Split('\n').Take(CampfireMigrations.All.Count),
            Is.EqualTo(CampfireMigrations.All.Select(migration => $"{migration.Name} would be applied")));
        Assert.That(output, Does.Contain("Nothing was changed"));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
    }

    [Test]
    public async Task Migrate_takes_the_database_from_the_environment()
    {
        (int exitCode, string output, string error) = await CampfireProcess.RunOnAsync(Emulator.DatabaseUri.OriginalString, "migrate");
        (_, string again, _) = await CampfireProcess.RunOnAsync(Emulator.DatabaseUri.OriginalString, "migrate", "--dry-run");

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Does.Contain($"{CampfireMigrations.All.Count} scripts applied."));
        Assert.That(await new CampfireMigrator(Emulator.ConnectionString).GetPendingAsync(), Is.Empty);
        Assert.That(again, Is.EqualTo("The database is up to date.\n"));
    }

    [TestCase("migrate")]
    [TestCase("migrate", "--dry-run")]
    [TestCase("migrate", "--connection", "")]
    public async Task No_database_is_told_with_both_ways_to_name_one(params string[] arguments)
    {
        (int exitCode, _, string error) = await CampfireProcess.RunAsync(arguments);

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(error, Does.Contain("--connection").And.Contain("CAMPFIRE_SUPABASE_DB"));
    }

    [Test]
    public async Task Password_is_never_printed()
    {
        string wrong = new UriBuilder(Emulator.DatabaseUri) { Password = "hunter2" }.Uri.OriginalString;

        (int exitCode, string output, string error) = await CampfireProcess.RunOnAsync(wrong, "migrate");
        (_, string help, _) = await CampfireProcess.RunOnAsync(wrong, "migrate", "--help");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.Contain("refused the user 'postgres'"));
        Assert.That(output + error + help, Does.Not.Contain("hunter2"));
    }

    [Test]
    public async Task Wait_for_another_migrator_is_told()
    {
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");
        Task<(int ExitCode, string Output, string Error)> running = CampfireProcess.RunOnAsync(Emulator.DatabaseUri.OriginalString, "migrate");
        while (await ReadAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and not granted") == 0)
            Assert.That(running.IsCompleted, Is.False, "it did not wait");

        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");

        (int exitCode, _, string error) = await running;
        Assert.That(exitCode, Is.Zero);
        Assert.That(error, Is.EqualTo("Another migrator is at work; waiting for it.\n"));
    }

    [Test]
    public async Task Script_may_run_as_long_as_is_asked_for()
    {
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await using NpgsqlTransaction unfinished = await other.BeginTransactionAsync();
        await other.ExecuteAsync("create schema campfire");

        (int exitCode, _, string error) = await CampfireProcess.RunOnAsync(
            Emulator.DatabaseUri.OriginalString, "migrate", "--script-timeout", "1");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.Contain("ran longer than ScriptTimeout"));
        foreach (string wrong in new[] { "-1", "2147483647" })
        {
            (int misused, _, string usage) = await CampfireProcess.RunOnAsync(
                Emulator.DatabaseUri.OriginalString, "migrate", "--script-timeout", wrong);

            Assert.That(misused, Is.EqualTo(2), wrong);
            Assert.That(usage, Does.Contain("--script-timeout takes a number of seconds"));
        }
    }

    [TestCase("migrate")]
    [TestCase("migrate", "--dry-run")]
    public async Task Obstacles_to_an_adoption_are_printed_one_in_a_line(params string[] arguments)
    {
        await ExecuteAsync("create table public.widget_keys (id int); create table public.message_attachments (id int)");

        (int exitCode, _, string error) = await CampfireProcess.RunOnAsync(Emulator.DatabaseUri.OriginalString, arguments);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Is.EqualTo(
            """
            campfire: The database cannot take Campfire as it is: 2 obstacles. Nothing has been changed. Remove what the list names, and run the migrations again.
              public.message_attachments is there already, and is not Campfire's. Rename it: alter table public.message_attachments rename to …;
              public.widget_keys is there already, and is not Campfire's. Rename it: alter table public.widget_keys rename to …;

            """));
    }

    [Test]
    public async Task Refusal_of_the_database_is_told_on_standard_error()
    {
        await CreateMigrator(First).MigrateAsync();

        (int exitCode, string output, string error) = await CampfireProcess.RunOnAsync(Emulator.DatabaseUri.OriginalString, "migrate", "--dry-run");

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.StartWith("campfire: The database has the migration 0001_first, which this package does not know."));
    }
}

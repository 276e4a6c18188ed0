using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MigratorTests : MigratorFixture
{
    [Test]
    public async Task Fresh_database_gets_every_script_once_and_in_order()
    {
        List<string> reports = [];
        CampfireMigrator migrator = new(Emulator.ConnectionString, new CampfireMigratorOptions
        {
            Progress = new Progress(report => reports.Add($"{report.Number}/{report.Count} {report.Migration.Name} {report.IsApplied}")),
        });
        Assert.That(await migrator.GetPendingAsync(), Is.EqualTo(CampfireMigrations.All));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True, "looking changes nothing");

        MigrationResult first = await migrator.MigrateAsync();
        MigrationResult second = await migrator.MigrateAsync();

        int count = CampfireMigrations.All.Count;
        Assert.That(first.Applied, Is.EqualTo(CampfireMigrations.All));
        Assert.That(second.Applied, Is.Empty);
        Assert.That(await migrator.GetPendingAsync(), Is.Empty);
        Assert.That(reports, Is.EqualTo(CampfireMigrations.All.SelectMany((migration, index) => new[]
        {
            $"{index + 1}/{count} {migration.Name} False", $"{index + 1}/{count} {migration.Name} True",
        })));
        Assert.That(
            await ListAsync("select name || ' ' || checksum from campfire.migrations where applied_by = 'postgres' order by name"),
            Is.EqualTo(CampfireMigrations.All.Select(migration => $"{migration.Name} {migration.Checksum}")));
    }

    [Test]
    public async Task Publication_and_policies_that_exist_already_are_put_right()
    {
        await ExecuteAsync(
            """
            create table public.theirs (id int primary key, tags text[]);
            alter publication supabase_realtime add table public.theirs;
            """);
        await new CampfireMigrator(Emulator.ConnectionString).MigrateAsync();

        Assert.That(
            await ListAsync("select tablename::text from pg_publication_tables where pubname = 'supabase_realtime' order by 1"),
            Is.EqualTo(new[] { "conversations", "messages", "realtime_conversations", "theirs" }));
    }

    [Test]
    public async Task PostgREST_is_told_after_a_change()
    {
        await using NpgsqlConnection listener = await Database.OpenConnectionAsync();
        string? heard = null;
        listener.Notification += (_, notification) => heard = $"{notification.Channel}: {notification.Payload}";
        await listener.ExecuteAsync("listen pgrst");
        Task<bool> hearing = listener.WaitAsync(Deadline);

        await CreateMigrator(First).MigrateAsync();

        Assert.That(await hearing, Is.True);
        Assert.That(heard, Is.EqualTo("pgrst: reload schema"));
    }

    [Test]
    public async Task New_script_is_applied_alone()
    {
        await CreateMigrator(First).MigrateAsync();

        MigrationResult result = await CreateMigrator(First, Second).MigrateAsync();

        Assert.That(result.Applied, Is.EqualTo(new[] { Second }));
        Assert.That(await ReadAsync<long>("select count(*) from public.first"), Is.EqualTo(1));
    }

    [Test]
    public async Task Migrators_started_together_apply_each_script_once()
    {
        MigrationResult[] results = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(_ => CreateMigrator(First, Second).MigrateAsync())).WaitAsync(Deadline);

        Assert.That(results.Sum(result => result.Applied.Count), Is.EqualTo(2));
        Assert.That(await ReadAsync<long>("select count(*) from public.first"), Is.EqualTo(1));
    }

    [Test]
    public async Task Data_source_of_the_caller_is_used_and_stays_usable()
    {
        MigrationResult result = await new CampfireMigrator(Database).MigrateAsync();

        Assert.That(result.Applied, Is.EqualTo(CampfireMigrations.All));
        // Through a connection of its own: one from the pool would be reset first, which frees every lock.
        await using NpgsqlConnection other = new(Emulator.ConnectionString);
        await other.OpenAsync();
        Assert.That(
            await other.ReadAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and granted"), Is.Zero);
        Assert.That(await ExistsAsync("messages"), Is.True);
    }

    private sealed class Progress(Action<MigrationProgress> report) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value) => report(value);
    }
}

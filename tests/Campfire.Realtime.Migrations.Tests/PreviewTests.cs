using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class PreviewTests : MigratorFixture
{
    private static readonly CampfireMigration _broken = CampfireMigrations.Create("0002_second", "select 1 / 0;");

    [Test]
    public async Task Preview_tries_every_script_and_changes_nothing()
    {
        string before = await ReadAsync<string>(Catalogue.Query);

        MigrationPreview preview = await new CampfireMigrator(Emulator.ConnectionString).PreviewAsync();

        Assert.That(preview.Pending, Is.EqualTo(CampfireMigrations.All));
        Assert.That(preview.Untried, Is.Empty);
        Assert.That(await ReadAsync<string>(Catalogue.Query), Is.EqualTo(before));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
    }

    [Test]
    public async Task Preview_of_a_current_database_has_nothing_to_try()
    {
        await CreateMigrator(First).MigrateAsync();

        MigrationPreview preview = await CreateMigrator(First).PreviewAsync();

        Assert.That(preview.Pending, Is.Empty);
        Assert.That(preview.Untried, Is.Empty);
    }

    [Test]
    public async Task Preview_finds_the_script_that_would_fail()
    {
        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(First, _broken).PreviewAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.MigrationName, Is.EqualTo("0002_second"));
        Assert.That(await ExistsAsync("first"), Is.False);
    }

    [Test]
    public void Preview_finds_what_only_the_commit_would_refuse()
    {
        CampfireMigration orphan = CampfireMigrations.Create(
            "0001_first",
            """
            create table public.parent (id int primary key);
            create table public.child (id int references public.parent deferrable initially deferred);
            insert into public.child values (1);
            """);

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(orphan).PreviewAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.Message, Does.Contain("child_id_fkey"));
    }

    [Test]
    public async Task Script_that_needs_a_commit_of_an_earlier_one_is_named_as_untried()
    {
        await ExecuteAsync("drop type if exists public.mood; create type public.mood as enum ('calm');");
        CampfireMigration label = CampfireMigrations.Create("0001_label", "alter type public.mood add value 'angry';");
        CampfireMigration use = CampfireMigrations.Create(
            "0002_use", "create table public.use (mood public.mood); insert into public.use values ('angry');");

        MigrationPreview preview = await CreateMigrator(label, use).PreviewAsync();

        Assert.That(preview.Pending, Is.EqualTo(new[] { label, use }));
        Assert.That(preview.Untried, Is.EqualTo(new[] { use }));
        Assert.That((await CreateMigrator(label, use).MigrateAsync()).Applied, Is.EqualTo(new[] { label, use }), "it was no fault");
        await ExecuteAsync("drop table public.use; drop type public.mood");
    }

    [Test]
    public async Task Preview_does_not_wait_long_for_a_table_that_somebody_uses()
    {
        await ExecuteAsync("create table public.busy (id int)");
        await using NpgsqlConnection user = await Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await user.BeginTransactionAsync();
        await user.ExecuteAsync("lock table public.busy in access share mode");
        CampfireMigration change = CampfireMigrations.Create("0001_change", "alter table public.busy add column name text;");

        CampfireMigrationException error = ThrowsMigration(() => CreateImpatient(change).PreviewAsync().WaitAsync(Deadline));

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.LockTimeout));
        Assert.That(error.MigrationName, Is.EqualTo("0001_change"));
        Assert.That(error.Message, Does.Contain("pg_stat_activity"));
    }

    [Test]
    public async Task Preview_gives_up_while_another_migrator_is_at_work()
    {
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");

        CampfireMigrationException error = ThrowsMigration(() => CreateImpatient(First).PreviewAsync().WaitAsync(Deadline));

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.LockTimeout));
        Assert.That(error.Message, Does.Contain("other migrators"));
        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");
        Assert.That((await CreateImpatient(First).PreviewAsync()).Pending, Has.Count.EqualTo(1), "the refusal left no lock");
    }

    [Test]
    public async Task Preview_through_a_data_source_leaves_no_lock_and_no_setting()
    {
        await using NpgsqlDataSource single = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { MaxPoolSize = 1 });

        await new CampfireMigrator(single, null, [First]).PreviewAsync();

        Assert.That(
            await ReadAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and granted"), Is.Zero);
        await using NpgsqlConnection next = await single.OpenConnectionAsync();
        Assert.That(await next.ReadAsync<string>("show lock_timeout"), Is.EqualTo("0"));
    }

    private CampfireMigrator CreateImpatient(params CampfireMigration[] migrations) =>
        CreateMigrator(new CampfireMigratorOptions { PreviewLockTimeout = TimeSpan.FromMilliseconds(50) }, migrations);
}

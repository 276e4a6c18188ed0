using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class InterruptionTests : MigratorFixture
{
    [Test]
    public async Task Broken_script_is_rolled_back_and_the_next_run_continues()
    {
        CampfireMigration broken = CampfireMigrations.Create(
            "0002_second", "create table public.second (id int); select 1 / 0; create table public.third (id int);");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(First, broken).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.MigrationName, Is.EqualTo("0002_second"));
        Assert.That(error.Message, Does.Contain("division by zero"));
        Assert.That(await ExistsAsync("first"), Is.True);
        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That((await CreateMigrator(First, Second).MigrateAsync()).Applied, Is.EqualTo(new[] { Second }));
    }

    [Test]
    public async Task Script_and_its_journal_entry_are_kept_together_or_not_at_all()
    {
        CampfireMigration unrecorded = CampfireMigrations.Create(
            "0002_second",
            "create table public.second (id int); alter table campfire.migrations add check (name <> '0002_second');");

        ThrowsMigration(() => CreateMigrator(First, unrecorded).MigrateAsync());

        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That((await CreateMigrator(First, Second).MigrateAsync()).Applied, Is.EqualTo(new[] { Second }));
    }

    [Test]
    public async Task Cancelling_the_wait_for_another_migrator_ends_it_and_leaves_no_lock()
    {
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");
        SignalLoggerFactory log = new("Another migrator");
        using CancellationTokenSource cancellation = new();
        Task<MigrationResult> waiting = CreateMigrator(new CampfireMigratorOptions { LoggerFactory = log }, First)
            .MigrateAsync(cancellation.Token);
        await log.Signal.WaitAsync(Deadline);

        await cancellation.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => waiting.WaitAsync(Deadline));
        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");
        Assert.That((await CreateMigrator(First).MigrateAsync().WaitAsync(Deadline)).Applied, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Timeouts_of_the_role_end_neither_the_wait_nor_a_script()
    {
        CampfireMigration slow = CampfireMigrations.Create("0001_slow", "select pg_sleep(0.3);");
        string hurried = new NpgsqlConnectionStringBuilder(Emulator.ConnectionString)
        {
            Options = "-c statement_timeout=50 -c lock_timeout=50",
        }.ConnectionString;
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");
        SignalLoggerFactory log = new("Another migrator");
        Task<MigrationResult> waiting = new CampfireMigrator(hurried, new CampfireMigratorOptions { LoggerFactory = log }, [slow]).MigrateAsync();
        await log.Signal.WaitAsync(Deadline);

        await other.ExecuteAsync("select pg_sleep(0.3); select pg_advisory_unlock(x'43616D7066697265'::bigint)");

        Assert.That((await waiting.WaitAsync(Deadline)).Applied, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_a_running_script_rolls_it_back_and_frees_the_lock()
    {
        using CancellationTokenSource cancellation = new();
        Task<MigrationResult> running = CreateMigrator(First, Slow).MigrateAsync(cancellation.Token);
        await FindSleeperAsync(running);

        await cancellation.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => running.WaitAsync(Deadline));
        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That(
            (await CreateMigrator(First, Second).MigrateAsync().WaitAsync(Deadline)).Applied, Is.EqualTo(new[] { Second }));
    }

    [Test]
    public async Task Connection_cut_in_the_middle_of_a_script_leaves_nothing_of_it()
    {
        Task<MigrationResult> running = CreateMigrator(First, Slow).MigrateAsync();
        int sleeper = await FindSleeperAsync(running);

        await ExecuteAsync($"select pg_terminate_backend({sleeper})");

        CampfireMigrationException error = ThrowsMigration(() => running.WaitAsync(Deadline));
        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
        Assert.That(
            (await CreateMigrator(First, Second).MigrateAsync().WaitAsync(Deadline)).Applied, Is.EqualTo(new[] { Second }));
    }

    [Test]
    public void Script_that_runs_too_long_is_ended()
    {
        CampfireMigratorOptions options = new() { ScriptTimeout = TimeSpan.FromSeconds(1) };

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(options, First, Slow).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.Message, Does.Contain("ScriptTimeout"));
    }
}

using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MigratorTests
{
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(30);

    private static readonly CampfireMigration _first = CampfireMigrations.Create(
        "0001_first", "create table public.first (id int); insert into public.first values (1);");

    private static readonly CampfireMigration _second = CampfireMigrations.Create(
        "0002_second", "create table public.second (id int); -- a comment; with a semicolon\ndo $$ begin perform 1; end $$;");

    private static readonly CampfireMigration _slow = CampfireMigrations.Create(
        "0002_second", "create table public.second (id int); select pg_sleep(60);");

    private CampfireEmulator _emulator = null!;
    private NpgsqlDataSource _database = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _emulator = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        _database = NpgsqlDataSource.Create(_emulator.ConnectionString);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _database.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [SetUp]
    public Task ResetAsync() => ExecuteAsync(
        """
        drop schema if exists campfire cascade;
        do $$
        declare v_table text;
        begin
            for v_table in select tablename from pg_tables where schemaname = 'public'
            loop
                execute format('drop table public.%I cascade', v_table);
            end loop;
            for v_table in select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace
            loop
                execute format('drop function %s', v_table);
            end loop;
        end $$;
        """);

    [Test]
    public async Task Fresh_database_gets_every_script_once_and_in_order()
    {
        List<string> reports = [];
        CampfireMigrator migrator = new(_emulator.ConnectionString, new CampfireMigratorOptions
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
        await new CampfireMigrator(_emulator.ConnectionString).MigrateAsync();

        Assert.That(
            await ListAsync("select tablename::text from pg_publication_tables where pubname = 'supabase_realtime' order by 1"),
            Is.EqualTo(new[] { "conversations", "messages", "realtime_conversations", "theirs" }));
    }

    [Test]
    public async Task PostgREST_is_told_after_a_change()
    {
        await using NpgsqlConnection listener = await _database.OpenConnectionAsync();
        string? heard = null;
        listener.Notification += (_, notification) => heard = $"{notification.Channel}: {notification.Payload}";
        await listener.ExecuteAsync("listen pgrst");
        Task<bool> hearing = listener.WaitAsync(_deadline);

        await CreateMigrator(_first).MigrateAsync();

        Assert.That(await hearing, Is.True);
        Assert.That(heard, Is.EqualTo("pgrst: reload schema"));
    }

    [Test]
    public async Task New_script_is_applied_alone()
    {
        await CreateMigrator(_first).MigrateAsync();

        MigrationResult result = await CreateMigrator(_first, _second).MigrateAsync();

        Assert.That(result.Applied, Is.EqualTo(new[] { _second }));
        Assert.That(await ReadAsync<long>("select count(*) from public.first"), Is.EqualTo(1));
    }

    [Test]
    public async Task Edited_script_stops_the_run_before_anything_changes()
    {
        await CreateMigrator(_first).MigrateAsync();
        CampfireMigration edited = CampfireMigrations.Create(_first.Name, _first.Sql + " select 1;");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(edited, _second).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptEdited));
        Assert.That(error.MigrationName, Is.EqualTo("0001_first"));
        Assert.That(await ExistsAsync("second"), Is.False);
        ThrowsMigration(() => CreateMigrator(edited, _second).GetPendingAsync());
    }

    [Test]
    public async Task Database_of_a_newer_package_is_left_alone()
    {
        await CreateMigrator(_first, _second).MigrateAsync();

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(_first).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.PackageTooOld));
        Assert.That(error.Message, Does.Contain("0002_second"));
    }

    [Test]
    public async Task Script_missing_before_an_applied_one_stops_the_run()
    {
        await CreateMigrator(_second).MigrateAsync();

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(_first, _second).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptSkipped));
        Assert.That(await ExistsAsync("first"), Is.False);
    }

    [Test]
    public async Task Broken_script_is_rolled_back_and_the_next_run_continues()
    {
        CampfireMigration broken = CampfireMigrations.Create(
            "0002_second", "create table public.second (id int); select 1 / 0; create table public.third (id int);");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(_first, broken).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.MigrationName, Is.EqualTo("0002_second"));
        Assert.That(error.Message, Does.Contain("division by zero"));
        Assert.That(await ExistsAsync("first"), Is.True);
        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That((await CreateMigrator(_first, _second).MigrateAsync()).Applied, Is.EqualTo(new[] { _second }));
    }

    [Test]
    public async Task Script_and_its_journal_entry_are_kept_together_or_not_at_all()
    {
        CampfireMigration unrecorded = CampfireMigrations.Create(
            "0002_second",
            "create table public.second (id int); alter table campfire.migrations add check (name <> '0002_second');");

        ThrowsMigration(() => CreateMigrator(_first, unrecorded).MigrateAsync());

        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That((await CreateMigrator(_first, _second).MigrateAsync()).Applied, Is.EqualTo(new[] { _second }));
    }

    [Test]
    public async Task Migrators_started_together_apply_each_script_once()
    {
        MigrationResult[] results = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(_ => CreateMigrator(_first, _second).MigrateAsync())).WaitAsync(_deadline);

        Assert.That(results.Sum(result => result.Applied.Count), Is.EqualTo(2));
        Assert.That(await ReadAsync<long>("select count(*) from public.first"), Is.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_the_wait_for_another_migrator_ends_it_and_leaves_no_lock()
    {
        await using NpgsqlConnection other = await _database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");
        SignalLoggerFactory log = new("Another migrator");
        using CancellationTokenSource cancellation = new();
        Task<MigrationResult> waiting = CreateMigrator(new CampfireMigratorOptions { LoggerFactory = log }, _first)
            .MigrateAsync(cancellation.Token);
        await log.Signal.WaitAsync(_deadline);

        await cancellation.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => waiting.WaitAsync(_deadline));
        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");
        Assert.That((await CreateMigrator(_first).MigrateAsync().WaitAsync(_deadline)).Applied, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Cancelling_a_running_script_rolls_it_back_and_frees_the_lock()
    {
        using CancellationTokenSource cancellation = new();
        Task<MigrationResult> running = CreateMigrator(_first, _slow).MigrateAsync(cancellation.Token);
        await FindSleeperAsync(running);

        await cancellation.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => running.WaitAsync(_deadline));
        Assert.That(await ExistsAsync("second"), Is.False);
        Assert.That(
            (await CreateMigrator(_first, _second).MigrateAsync().WaitAsync(_deadline)).Applied, Is.EqualTo(new[] { _second }));
    }

    [Test]
    public async Task Connection_cut_in_the_middle_of_a_script_leaves_nothing_of_it()
    {
        Task<MigrationResult> running = CreateMigrator(_first, _slow).MigrateAsync();
        int sleeper = await FindSleeperAsync(running);

        await ExecuteAsync($"select pg_terminate_backend({sleeper})");

        CampfireMigrationException error = ThrowsMigration(() => running.WaitAsync(_deadline));
        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
        Assert.That(
            (await CreateMigrator(_first, _second).MigrateAsync().WaitAsync(_deadline)).Applied, Is.EqualTo(new[] { _second }));
    }

    [Test]
    public void Script_that_runs_too_long_is_ended()
    {
        CampfireMigratorOptions options = new() { ScriptTimeout = TimeSpan.FromSeconds(1) };

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(options, _first, _slow).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.Message, Does.Contain("ScriptTimeout"));
    }

    [Test]
    public async Task Data_source_of_the_caller_is_used_and_stays_usable()
    {
        MigrationResult result = await new CampfireMigrator(_database).MigrateAsync();

        Assert.That(result.Applied, Is.EqualTo(CampfireMigrations.All));
        // Through a connection of its own: one from the pool would be reset first, which frees every lock.
        await using NpgsqlConnection other = new(_emulator.ConnectionString);
        await other.OpenAsync();
        Assert.That(
            await other.ReadAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and granted"), Is.Zero);
        Assert.That(await ExistsAsync("messages"), Is.True);
    }

    [Test]
    public void Wrong_password_is_told_apart_from_an_unreachable_server()
    {
        NpgsqlConnectionStringBuilder wrongPassword = new(_emulator.ConnectionString) { Password = "wrong" };
        NpgsqlConnectionStringBuilder wrongPort = new(_emulator.ConnectionString) { Port = 1 };
        NpgsqlConnectionStringBuilder wrongDatabase = new(_emulator.ConnectionString) { Database = "missing" };

        Assert.That(ErrorOf(wrongPassword).Code, Is.EqualTo(CampfireMigrationErrorCode.AuthenticationFailed));
        Assert.That(ErrorOf(wrongPassword).Message, Does.Not.Contain("wrong"));
        Assert.That(ErrorOf(wrongPort).Code, Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
        Assert.That(ErrorOf(wrongPort).Message, Does.Contain(":1"));
        Assert.That(ErrorOf(wrongDatabase).Code, Is.EqualTo(CampfireMigrationErrorCode.DatabaseNotFound));
    }

    [Test]
    public async Task Database_without_realtime_is_refused()
    {
        await ExecuteAsync("create database plain");
        try
        {
            CampfireMigrationException error = ErrorOf(new(_emulator.ConnectionString) { Database = "plain", Pooling = false });

            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.SupabaseMissing));
            Assert.That(error.Message, Does.Contain("realtime.send").And.Contain("campfire up"));
        }
        finally
        {
            await ExecuteAsync("drop database plain with (force)");
        }
    }

    [TestCase("select 1")]
    [TestCase("grant anon to reader")]
    [TestCase("grant create on database postgres to reader; grant create on schema public to reader; alter role reader set default_transaction_read_only = on")]
    public async Task User_without_rights_is_refused(string rights)
    {
        await ExecuteAsync("create role reader login password 'reader'");
        try
        {
            await ExecuteAsync(rights);
            CampfireMigrationException error = ErrorOf(
                new(_emulator.ConnectionString) { Username = "reader", Password = "reader", Pooling = false });

            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.InsufficientRights));
            Assert.That(error.Message, Does.Contain("'postgres'"));
        }
        finally
        {
            await ExecuteAsync("revoke all on database postgres from reader; revoke all on schema public from reader; drop role reader");
        }
    }

    private static CampfireMigrationException ErrorOf(NpgsqlConnectionStringBuilder settings) =>
        ThrowsMigration(() => new CampfireMigrator(settings.ConnectionString).MigrateAsync());

    private static CampfireMigrationException ThrowsMigration(Func<Task> action) =>
        Assert.ThrowsAsync<CampfireMigrationException>(() => action())!;

    private CampfireMigrator CreateMigrator(params CampfireMigration[] migrations) =>
        CreateMigrator(new CampfireMigratorOptions(), migrations);

    private CampfireMigrator CreateMigrator(CampfireMigratorOptions options, params CampfireMigration[] migrations) =>
        new(_emulator.ConnectionString, options, migrations);

    // The server process that is in the middle of the slow script.
    private async Task<int> FindSleeperAsync(Task running)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        List<int> sleepers;
        do
        {
            Assert.That(running.IsCompleted, Is.False, "the slow script ended by itself");
            sleepers = await connection.ListAsync<int>(
                "select pid from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'");
        }
        while (sleepers.Count == 0);
        return sleepers[0];
    }

    private Task<bool> ExistsAsync(string table) => ReadAsync<bool>($"select to_regclass('public.{table}') is not null");

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    private async Task<T> ReadAsync<T>(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        return await connection.ReadAsync<T>(sql);
    }

    private async Task<List<string>> ListAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        return await connection.ListAsync<string>(sql);
    }

    private sealed class Progress(Action<MigrationProgress> report) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value) => report(value);
    }
}

using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

// A Supabase of its own, empty before each test.
public abstract class MigratorFixture
{
    protected static TimeSpan Deadline { get; } = TimeSpan.FromSeconds(30);

    protected static CampfireMigration First { get; } = CampfireMigrations.Create(
        "0001_first", "create table public.first (id int); insert into public.first values (1);");

    protected static CampfireMigration Second { get; } = CampfireMigrations.Create(
        "0002_second", "create table public.second (id int); -- a comment; with a semicolon\ndo $$ begin perform 1; end $$;");

    protected static CampfireMigration Slow { get; } = CampfireMigrations.Create(
        "0002_second", "create table public.second (id int); select pg_sleep(60);");

    protected CampfireEmulator Emulator { get; private set; } = null!;

    // As Supabase's postgres, which is no superuser.
    protected NpgsqlDataSource Database { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        Emulator = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        Database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { MaxAutoPrepare = 0 });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await Database.DisposeAsync();
        await Emulator.DisposeAsync();
    }

    // As the superuser, because a test may have given things away.
    [SetUp]
    public Task ResetAsync() => ExecuteAsSuperuserAsync(
        """
        drop schema if exists campfire cascade;
        do $$
        declare v_name text;
        begin
            for v_name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'm'
            loop
                execute format('drop materialized view if exists public.%I cascade', v_name);
            end loop;
            for v_name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'
            loop
                execute format('drop view if exists public.%I cascade', v_name);
            end loop;
            for v_name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
            loop
                execute format('drop table if exists public.%I cascade', v_name);
            end loop;
            for v_name in select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace
            loop
                execute format('drop function if exists %s cascade', v_name);
            end loop;
            for v_name in select oid::regtype from pg_type where typnamespace = 'public'::regnamespace and typtype = 'e'
            loop
                execute format('drop type if exists %s cascade', v_name);
            end loop;
        end $$;
        drop publication if exists supabase_realtime;
        create publication supabase_realtime;
        alter publication supabase_realtime owner to postgres;
        """);

    protected static CampfireMigrationException ErrorOf(NpgsqlConnectionStringBuilder settings) =>
        ThrowsMigration(() => new CampfireMigrator(settings.ConnectionString).MigrateAsync());

    protected static CampfireMigrationException ThrowsMigration(Func<Task> action) =>
        Assert.ThrowsAsync<CampfireMigrationException>(() => action())!;

    protected CampfireMigrator CreateMigrator(params CampfireMigration[] migrations) =>
        CreateMigrator(new CampfireMigratorOptions(), migrations);

    protected CampfireMigrator CreateMigrator(CampfireMigratorOptions options, params CampfireMigration[] migrations) =>
        new(Emulator.ConnectionString, options, migrations);

    // The server process that is in the middle of the slow script.
    protected async Task<int> FindSleeperAsync(Task running)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
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

    protected Task<bool> ExistsAsync(string table) => ReadAsync<bool>($"select to_regclass('public.{table}') is not null");

    protected async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    protected async Task ExecuteAsSuperuserAsync(string sql)
    {
        await using NpgsqlConnection connection = new(Emulator.AdminConnectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    protected async Task<T> ReadAsync<T>(string sql)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
        return await connection.ReadAsync<T>(sql);
    }

    protected async Task<List<string>> ListAsync(string sql)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
        return await connection.ListAsync<string>(sql);
    }
}

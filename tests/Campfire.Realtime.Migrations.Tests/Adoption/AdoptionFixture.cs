using System.Text.Json;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Adoption;

// A database of its own that holds the system of before, anew for each test.
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public abstract class AdoptionFixture
{
    private static readonly string _originalSystem = ReadOriginalSystem();

    private CampfireEmulator _emulator = null!;
    private NpgsqlDataSource _database = null!;

    internal string ConnectionString => _emulator.ConnectionString;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        _database = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_emulator.ConnectionString) { MaxAutoPrepare = 0 });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _database.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [SetUp]
    public async Task ResetAsync()
    {
        await ExecuteAsSuperuserAsync(
            """
            drop schema if exists campfire cascade;
            do $$
            declare v_name text;
            begin
                for v_name in select viewname from pg_views where schemaname = 'public'
                loop
                    execute format('drop view if exists public.%I cascade', v_name);
                end loop;
                for v_name in select matviewname from pg_matviews where schemaname = 'public'
                loop
                    execute format('drop materialized view if exists public.%I cascade', v_name);
                end loop;
                for v_name in select tablename from pg_tables where schemaname = 'public'
                loop
                    execute format('drop table if exists public.%I cascade', v_name);
                end loop;
                for v_name in select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace
                loop
                    execute format('drop function if exists %s cascade', v_name);
                end loop;
                for v_name in select oid::regtype from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
                loop
                    execute format('drop type if exists %s cascade', v_name);
                end loop;
            end $$;
            drop publication if exists supabase_realtime;
            create publication supabase_realtime;
            alter publication supabase_realtime owner to postgres;
            delete from realtime.messages;
            """);
        await ExecuteAsync(_originalSystem);
    }

    internal Task<MigrationResult> MigrateAsync() => new CampfireMigrator(ConnectionString).MigrateAsync();

    internal async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }

    internal async Task ExecuteAsSuperuserAsync(string sql)
    {
        await using NpgsqlConnection connection = new(_emulator.AdminConnectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    internal async Task<T> ReadAsync<T>(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        return await connection.ReadAsync<T>(sql);
    }

    internal async Task<List<string>> ListAsync(string sql)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        return await connection.ListAsync<string>(sql);
    }

    internal async Task<T> RunAsAsync<T>(Caller caller, Func<NpgsqlConnection, Task<T>> action)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await caller.BecomeAsync(connection);
        T result = await action(connection);
        await transaction.CommitAsync();
        return result;
    }

    internal Task<JsonElement> CallAsync(Caller caller, string call) =>
        RunAsAsync(caller, async connection => Json.Parse(await connection.ReadAsync<string>($"select public.{call}::text")));

    private static string ReadOriginalSystem()
    {
        using Stream stream = typeof(AdoptionFixture).Assembly.GetManifestResourceStream("original_system.sql")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}

using System.Data;
using System.Data.Common;
using System.Reflection;
using Npgsql;

namespace Campfire.Realtime.Migrations.Running;

// One connection from the lock to the last script: lock and scripts must live and die together.
internal sealed class MigrationSession(NpgsqlConnection connection, TimeSpan scriptTimeout)
{
    // 'Campfire' in ASCII; pg_locks shows it.
    internal const long LockKey = 0x43616D7066697265;

    private const string Preflight = """
        select
            current_setting('server_version_num')::int >= 150000,
            to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null
                and to_regclass('realtime.messages') is not null
                and (select count(*) = 3 from pg_roles where rolname in ('anon', 'authenticated', 'service_role')),
            has_database_privilege(current_database(), 'create') and has_schema_privilege('public', 'create'),
            current_setting('transaction_read_only') = 'on'
        """;

    internal const string Journal = """
        create schema if not exists campfire;
        create table if not exists campfire.migrations (
            name text primary key,
            checksum text not null,
            applied_at timestamptz not null default now(),
            applied_by text not null default current_user,
            package_version text not null
        );
        alter table campfire.migrations enable row level security;
        """;

    private static readonly string PackageVersion =
        typeof(MigrationSession).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken).ConfigureAwait(false);
        await GuardAsync("the check of the database", null, async () =>
        {
            // The role may have timeouts, as Supabase's postgres does; they must end neither the wait for the lock nor a script.
            await ExecuteAsync("set statement_timeout = 0; set lock_timeout = 0", cancellationToken).ConfigureAwait(false);
            await CheckDatabaseAsync(requireWriting: true, cancellationToken).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    public async Task OpenForReadingAsync(CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken).ConfigureAwait(false);
        await GuardAsync("the check of the database", null, async () =>
        {
            // A user whom a policy keeps from the journal must get an error, and not an empty journal.
            await ExecuteAsync("set row_security = off", cancellationToken).ConfigureAwait(false);
            await CheckDatabaseAsync(requireWriting: false, cancellationToken).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    // Everything up to the end of the transaction is tried only; disposing of it takes all of it back, the lock included.
    public Task<NpgsqlTransaction> BeginPreviewAsync(TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        GuardAsync("the preview", null, async () =>
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await ExecuteAsync(
                    $"set local lock_timeout = {(long)Math.Ceiling(lockTimeout.TotalMilliseconds)}; select pg_advisory_xact_lock({LockKey})",
                    cancellationToken).ConfigureAwait(false);
                return transaction;
            }
            catch
            {
                await transaction.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        });

    public Task<bool> TryLockAsync(CancellationToken cancellationToken) =>
        GuardAsync("locking", null, async () =>
        {
            NpgsqlCommand command = CreateCommand($"select pg_try_advisory_lock({LockKey})");
            await using (command.ConfigureAwait(false))
                return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        });

    public Task LockAsync(CancellationToken cancellationToken) =>
        GuardAsync("locking", null, async () =>
        {
            NpgsqlCommand command = CreateCommand($"select pg_advisory_lock({LockKey})");
            await using (command.ConfigureAwait(false))
            {
                command.CommandTimeout = 0;
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
        });

    public async Task UnlockAsync()
    {
        if (connection.FullState != ConnectionState.Open)
            return;
        try
        {
            await ExecuteAsync($"select pg_advisory_unlock({LockKey})", CancellationToken.None).ConfigureAwait(false);
        }
        catch (NpgsqlException)
        {
            // A broken connection has lost the lock already; the caller's own error, or his result, must come through.
        }
    }

    public Task<IReadOnlyList<JournalEntry>> ReadJournalAsync(CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<JournalEntry>>("reading campfire.migrations", null, async () =>
        {
            List<JournalEntry> entries = [];
            if (!await JournalExistsAsync(cancellationToken).ConfigureAwait(false))
                return entries;

            NpgsqlCommand command = CreateCommand(
                "select name, checksum, applied_at, applied_by, package_version from campfire.migrations order by name collate \"C\"");
            await using (command.ConfigureAwait(false))
            {
                DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        entries.Add(new(
                            reader.GetString(0),
                            reader.GetString(1),
                            reader.GetFieldValue<DateTimeOffset>(2),
                            reader.GetString(3),
                            reader.GetString(4)));
                    }
                }
            }

            return entries;
        });

    // The first script of a run brings the journal along, so that a database that refuses it keeps nothing of either.
    public Task ApplyAsync(CampfireMigration migration, bool createJournal, CancellationToken cancellationToken) =>
        GuardAsync($"the migration {migration.Name}", migration.Name, async () =>
        {
            NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                if (createJournal)
                    await ExecuteAsync(Journal, cancellationToken).ConfigureAwait(false);
                await RunAsync(migration, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }
        });

    // In the transaction of BeginPreviewAsync.
    public Task TryAsync(CampfireMigration migration, bool createJournal, CancellationToken cancellationToken) =>
        GuardAsync($"the migration {migration.Name}", migration.Name, async () =>
        {
            if (createJournal)
                await ExecuteAsync(Journal, cancellationToken).ConfigureAwait(false);
            await RunAsync(migration, cancellationToken).ConfigureAwait(false);

            // What the commit would have checked.
            await ExecuteAsync("set constraints all immediate", cancellationToken).ConfigureAwait(false);
        });

    // PostgREST keeps the functions' signatures in memory until it is told.
    public Task ReloadPostgrestAsync(CancellationToken cancellationToken) =>
        GuardAsync("reloading PostgREST", null, () => ExecuteAsync("notify pgrst, 'reload schema'", cancellationToken));

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException exception)
        {
            throw MigrationFaults.OnOpen(connection, exception);
        }
    }

    private async Task RunAsync(CampfireMigration migration, CancellationToken cancellationToken)
    {
        await ExecuteAsync(migration.Sql, cancellationToken).ConfigureAwait(false);

        NpgsqlCommand command = CreateCommand(
            "insert into campfire.migrations (name, checksum, package_version) values ($1, $2, $3)");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new() { Value = migration.Name });
            command.Parameters.Add(new() { Value = migration.Checksum });
            command.Parameters.Add(new() { Value = PackageVersion });
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task CheckDatabaseAsync(bool requireWriting, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = CreateCommand(Preflight);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (!reader.GetBoolean(0))
                    throw new CampfireMigrationException(
                        CampfireMigrationErrorCode.ServerTooOld,
                        $"The server runs PostgreSQL {connection.PostgreSqlVersion}; 15 or newer is needed. " +
                        "Upgrade the project under Project Settings, Infrastructure.");
                if (!reader.GetBoolean(1))
                    throw new CampfireMigrationException(
                        CampfireMigrationErrorCode.SupabaseMissing,
                        $"The database '{connection.Database}' lacks Supabase Realtime: the function realtime.send, the table " +
                        "realtime.messages or one of the roles anon, authenticated and service_role. " +
                        "Connect to the database of a Supabase project, or start a local one with 'campfire up'.");
                if (requireWriting && (!reader.GetBoolean(2) || reader.GetBoolean(3)))
                    throw new CampfireMigrationException(
                        CampfireMigrationErrorCode.InsufficientRights,
                        $"The user '{connection.UserName}' may not create objects in the database '{connection.Database}' and its " +
                        "schema public, or the session is read-only. Connect to the primary server as 'postgres'.");
            }
        }
    }

    private async Task<bool> JournalExistsAsync(CancellationToken cancellationToken)
    {
        NpgsqlCommand command = CreateCommand("select to_regclass('campfire.migrations') is not null");
        await using (command.ConfigureAwait(false))
            return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = CreateCommand(sql);
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private NpgsqlCommand CreateCommand(string sql) =>
        new(sql, connection) { CommandTimeout = (int)Math.Ceiling(scriptTimeout.TotalSeconds) };

    private async Task GuardAsync(string step, string? migrationName, Func<Task> action)
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (NpgsqlException exception)
        {
            throw MigrationFaults.OnScript(connection, step, migrationName, exception);
        }
    }

    private async Task<T> GuardAsync<T>(string step, string? migrationName, Func<Task<T>> action)
    {
        try
        {
            return await action().ConfigureAwait(false);
        }
        catch (NpgsqlException exception)
        {
            throw MigrationFaults.OnScript(connection, step, migrationName, exception);
        }
    }
}

using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

internal sealed class ExistingServer : IDatabaseServer
{
    private const int Looks = 20;

    private ExistingServer(string adminConnectionString)
    {
        AdminConnectionString = adminConnectionString;
    }

    public string AdminConnectionString { get; }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static async Task<ExistingServer> UseAsync(string connectionString, CancellationToken cancellationToken)
    {
        try
        {
            var connection = new NpgsqlConnection(connectionString);
            await using (connection.ConfigureAwait(false))
            {
                await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                // Before anything is changed: roles and passwords belong to the whole server.
                if ((await FindObstacleAsync(connection, cancellationToken).ConfigureAwait(false)
                    ?? await FindOtherOwnerAsync(connection, cancellationToken).ConfigureAwait(false)) is { } obstacle)
                    throw new CampfireEmulatorException(CampfireEmulatorErrorCode.DatabaseUnusable, obstacle);
                if (!await IsPreparedAsync(connection, cancellationToken).ConfigureAwait(false))
                    await Surroundings.InstallAsync(connectionString, cancellationToken).ConfigureAwait(false);
            }
            return new ExistingServer(connectionString);
        }
        catch (Exception failure) when (failure is NpgsqlException or ArgumentException)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DatabaseUnusable,
                $"The server in {nameof(CampfireEmulatorOptions.ConnectionString)} could not be used: {failure.Message}",
                failure);
        }
    }

    private static async Task<string?> FindObstacleAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Sql = """
            select current_user::text,
                   (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
                   current_setting('wal_level'),
                   current_setting('server_version_num')::int / 10000
            """;
        var command = new NpgsqlCommand(Sql, connection);
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                if (reader.GetInt32(3) < PostgresInstallation.OldestMajorVersion)
                    return $"The server runs PostgreSQL {reader.GetInt32(3)}; the emulator needs {PostgresInstallation.OldestMajorVersion} or newer.";
                if (reader.GetString(0) == "postgres")
                {
                    return "The superuser must not be called postgres, because on Supabase that role is none. " +
                        $"Create the cluster with: initdb -U {Surroundings.AdminRole}";
                }
                if (!reader.GetBoolean(1))
                    return $"{reader.GetString(0)} is not a superuser, so it cannot create Supabase's roles. Name a superuser.";
                if (reader.GetString(2) != "logical")
                    return $"wal_level is {reader.GetString(2)}. Set wal_level = logical in postgresql.conf and restart the server.";
                return null;
            }
        }
    }

    private static async Task<string?> FindOtherOwnerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string StreamsSql = "select slot_name::text from pg_catalog.pg_replication_slots where slot_name like 'supabase\\_realtime\\_%' and active";
        for (var look = 1; await ListAsync(connection, StreamsSql, cancellationToken).ConfigureAwait(false) is { Count: > 0 } streams; look++)
        {
            if (look == Looks)
            {
                return $"A Realtime or another emulator reads from this server already (replication slot {streams[0]}), and the emulator would " +
                    "replace the passwords that it logs in with. Stop it, or name another server.";
            }
            // One that has just ended leaves its slot a moment later.
            await ListAsync(connection, "select pg_catalog.pg_sleep(0.1)::text", cancellationToken).ConfigureAwait(false);
        }
        if (await IsPreparedAsync(connection, cancellationToken).ConfigureAwait(false))
            return null;

        const string SupabaseSql = """
            select 'schema ' || nspname from pg_catalog.pg_namespace
            where nspname in ('_realtime', 'realtime', 'auth', 'storage', 'supabase_functions', 'supabase_migrations')
            union all
            select 'publication ' || pubname from pg_catalog.pg_publication where pubname like 'supabase\_realtime%'
            union all
            select 'replication slot ' || slot_name from pg_catalog.pg_replication_slots where slot_name like 'supabase\_realtime\_%'
            union all
            select 'role ' || rolname from pg_catalog.pg_roles
            where rolname in (
                'anon', 'authenticated', 'service_role', 'authenticator', 'postgres',
                'supabase_admin', 'supabase_auth_admin', 'supabase_realtime_admin', 'supabase_storage_admin', 'supabase_replication_admin')
              and rolname <> current_user
            """;
        return await ListAsync(connection, SupabaseSql, cancellationToken).ConfigureAwait(false) is { Count: > 0 } traces
            ? $"The server is in use by something else, perhaps a real Supabase, and the emulator would change its roles and passwords. Found: {string.Join(", ", traces)}. " +
              $"Name a new, empty server (initdb -U {Surroundings.AdminRole}), or the very database that an emulator prepared on this one before."
            : null;
    }

    private static async Task<List<string>> ListAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        List<string> names = [];
        var command = new NpgsqlCommand(sql, connection);
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    names.Add(reader.GetString(0));
            }
        }
        return names;
    }

    private static async Task<bool> IsPreparedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // No Supabase has this function; it is installed together with everything else.
        var command = new NpgsqlCommand("select to_regprocedure('emulator.maintain_message_partitions(date)') is not null", connection);
        await using (command.ConfigureAwait(false))
            return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}

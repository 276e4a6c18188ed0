using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

internal sealed class ExistingServer : IDatabaseServer
{
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
                if (await FindObstacleAsync(connection, cancellationToken).ConfigureAwait(false) is { } obstacle)
                    throw new CampfireEmulatorException(CampfireEmulatorErrorCode.DatabaseUnusable, obstacle);
                if (!await HasSurroundingsAsync(connection, cancellationToken).ConfigureAwait(false))
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

    private static async Task<bool> HasSurroundingsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand("select to_regclass('realtime.messages') is not null", connection);
        await using (command.ConfigureAwait(false))
            return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}

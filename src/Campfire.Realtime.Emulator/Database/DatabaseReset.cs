using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

// Empties the tables and leaves everything else as the migrations made it.
//
// DELETE rather than TRUNCATE: a test stores a few rows, for which new files for each table and index cost ten times as
// much. As a replica, so that neither triggers nor foreign keys have a say.
internal sealed class DatabaseReset(NpgsqlDataSource database, IEnumerable<string> keptByApplication)
{
    // Somebody who holds a lock for so long has forgotten a transaction.
    private const int LockTimeoutMilliseconds = 5000;

    // From here on, the dead rows of earlier tests cost more to read over than to remove.
    private const long BytesWorthVacuuming = 4 << 20;

    private const string TablesSql = """
        select
            format('%I.%I', space.nspname, class.relname),
            space.nspname || '.' || class.relname,
            space.nspname || '.' || class.relname = any ($1)
                or class.relname in ('__EFMigrationsHistory', 'VersionInfo', 'flyway_schema_history', 'schema_migrations', 'schemaversions'),
            class.relkind = 'r' and class.relreplident in ('d', 'n')
                and exists (select from pg_catalog.pg_publication_tables published
                            where published.schemaname = space.nspname and published.tablename = class.relname)
                and (class.relreplident = 'n' or not exists (
                    select from pg_catalog.pg_index where indrelid = class.oid and indisprimary)),
            case class.relkind
                when 'r' then pg_catalog.pg_relation_size(class.oid)
                else (select coalesce(sum(pg_catalog.pg_relation_size(relid)), 0)::bigint from pg_catalog.pg_partition_tree(class.oid))
            end,
            array(
                select sequence.oid::int8
                from pg_catalog.pg_depend dependence
                join pg_catalog.pg_class sequence on sequence.oid = dependence.objid and sequence.relkind = 'S'
                where dependence.classid = 'pg_catalog.pg_class'::regclass
                  and dependence.refobjid = class.oid and dependence.deptype in ('a', 'i')
                order by 1)
        from pg_catalog.pg_class class
        join pg_catalog.pg_namespace space on space.oid = class.relnamespace
        where class.relkind in ('r', 'p') and not class.relispartition
          and space.nspname !~ '^pg_' and space.nspname not in ('information_schema', 'emulator', 'supabase_migrations')
          and (space.nspname <> 'campfire' or class.relname not in ('migrations', 'adopted_tables'))
          and not exists (
              select from pg_catalog.pg_depend
              where classid = 'pg_catalog.pg_class'::regclass and objid = class.oid and deptype = 'e')
        order by 1
        """;

    private readonly string[] _kept = [.. keptByApplication];

    // The marker's arrival in the stream tells that everything stored before has passed.
    public async Task RunAsync(string marker, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                var tables = await ListAsync(connection, cancellationToken).ConfigureAwait(false);
                await EmptyAsync(connection, tables, marker, cancellationToken).ConfigureAwait(false);
                await VacuumAsync(connection, tables, cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException refused)
            {
                throw new CampfireEmulatorException(CampfireEmulatorErrorCode.ResetFailed, Explain(refused), refused);
            }
            catch (NpgsqlException broken)
            {
                throw Unreachable(broken);
            }
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException unreachable)
        {
            throw Unreachable(unreachable);
        }
    }

    private static CampfireEmulatorException Unreachable(NpgsqlException failure) => new(
        CampfireEmulatorErrorCode.ResetFailed,
        $"The database was not reset, because it cannot be reached: {failure.Message} Start it again, or start a new emulator.",
        failure);

    private static string Explain(PostgresException refused) => refused.SqlState switch
    {
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected =>
            "The database was not reset, because a session holds locks on its tables: a test left a transaction open, or still writes. " +
            "Dispose its connections, and await what it started, before the reset.",
        _ => $"The database was not reset ({refused.SqlState}): {refused.MessageText}",
    };

    private async Task<List<Table>> ListAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<Table> tables = [];
        var unknown = _kept.ToHashSet(StringComparer.Ordinal);
        var command = new NpgsqlCommand(TablesSql, connection) { Parameters = { new NpgsqlParameter<string[]> { TypedValue = _kept } } };
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    unknown.Remove(reader.GetString(1));
                    if (!reader.GetBoolean(2))
                        tables.Add(new Table(reader.GetString(0), reader.GetBoolean(3), reader.GetInt64(4), reader.GetFieldValue<long[]>(5)));
                }
            }
        }
        if (unknown.Count > 0)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.ResetFailed,
                $"The database was not reset: there is no table {string.Join(", ", unknown)}. " +
                $"{nameof(CampfireEmulatorOptions.TablesKeptOnReset)} names tables as schema.table, in the spelling of the catalog.");
        }
        return tables;
    }

    private static async Task EmptyAsync(NpgsqlConnection connection, List<Table> tables, string marker, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var batch = new NpgsqlBatch(connection, transaction);
            await using (batch.ConfigureAwait(false))
            {
                Add($"select set_config('lock_timeout', '{LockTimeoutMilliseconds}ms', true), set_config('session_replication_role', 'replica', true)");
                // Whoever writes is waited for, so that nothing appears behind the DELETE; readers are not held up.
                Add($"lock table {string.Join(", ", tables.Select(table => table.Name))} in share row exclusive mode");
                foreach (var table in tables)
                {
                    Add(table.RefusesDelete ? $"truncate {table.Name}" : $"delete from {table.Name}");
                    foreach (var sequence in table.Sequences)
                        Add($"select setval(seqrelid::regclass, seqstart, false) from pg_catalog.pg_sequence where seqrelid = {sequence}");
                }
                if (tables.Any(table => table.Name == "campfire.settings"))
                    Add("insert into campfire.settings default values");
                Add($"select pg_catalog.pg_logical_emit_message(true, '{marker}', '')");
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);

            void Add(string sql) => batch.BatchCommands.Add(new NpgsqlBatchCommand(sql));
        }
    }

    private static async Task VacuumAsync(NpgsqlConnection connection, List<Table> tables, CancellationToken cancellationToken)
    {
        foreach (var table in tables.Where(table => table.Bytes >= BytesWorthVacuuming))
        {
            var command = new NpgsqlCommand($"vacuum (skip_locked, index_cleanup on) {table.Name}", connection);
            await using (command.ConfigureAwait(false))
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    // A published table without an identity of its rows takes no DELETE.
    private sealed record Table(string Name, bool RefusesDelete, long Bytes, long[] Sequences);
}

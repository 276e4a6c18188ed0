using Npgsql;

namespace Campfire.Realtime.Emulator.Realtime;

// Presence is null when it was not asked for.
internal readonly record struct ReadAccess(bool Broadcast, bool? Presence)
{
    public bool IsAny => Broadcast || Presence == true;
}

internal readonly record struct WriteAccess(bool Broadcast, bool Presence);

// Asks the policies of realtime.messages the way Realtime does: by trying, in a transaction that is rolled back.
internal sealed class MessagePolicies(NpgsqlDataSource database)
{
    private const string SessionSql = """
        select set_config('realtime.topic', $1, true),
               set_config('request.jwt.claims', $2, true),
               set_config('request.jwt.claim.sub', $3, true),
               set_config('request.jwt.claim.role', $4, true),
               set_config('request.headers', $5, true),
               set_config('role', $4, true)
        """;

    private const string ProbeSql = "insert into realtime.messages (id, topic, extension) values ($1, $2, $3)";

    public async Task<ReadAccess> ReadAsync(ChannelIdentity identity, string subTopic, bool includesPresence, CancellationToken cancellationToken)
    {
        var broadcastId = Guid.NewGuid();
        var presenceId = Guid.NewGuid();
        var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            // Disposing a transaction that was not committed rolls it back.
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var batch = new NpgsqlBatch(connection, transaction);
                await using (batch.ConfigureAwait(false))
                {
                    batch.BatchCommands.Add(Command(ProbeSql, broadcastId, subTopic, "broadcast"));
                    if (includesPresence)
                        batch.BatchCommands.Add(Command(ProbeSql, presenceId, subTopic, "presence"));
                    batch.BatchCommands.Add(Session(identity, subTopic));
                    batch.BatchCommands.Add(Command("select id from realtime.messages where id in ($1, $2)", broadcastId, presenceId));
                    return await ReadVisibleAsync(batch, broadcastId, includesPresence ? presenceId : null, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    public async Task<WriteAccess> WriteAsync(ChannelIdentity identity, string subTopic, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var session = new NpgsqlBatch(connection, transaction);
                await using (session.ConfigureAwait(false))
                {
                    session.BatchCommands.Add(Session(identity, subTopic));
                    await session.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
                return new WriteAccess(
                    await CanInsertAsync(connection, transaction, subTopic, "broadcast", cancellationToken).ConfigureAwait(false),
                    await CanInsertAsync(connection, transaction, subTopic, "presence", cancellationToken).ConfigureAwait(false));
            }
        }
    }

    private static async Task<ReadAccess> ReadVisibleAsync(NpgsqlBatch batch, Guid broadcastId, Guid? presenceId, CancellationToken cancellationToken)
    {
        var visible = new HashSet<Guid>();
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            // The first result is that of the session's settings.
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                visible.Add(reader.GetGuid(0));
        }
        return new ReadAccess(visible.Contains(broadcastId), presenceId is { } asked ? visible.Contains(asked) : null);
    }

    private static async Task<bool> CanInsertAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, string subTopic, string extension, CancellationToken cancellationToken)
    {
        const string Savepoint = "probe";
        await transaction.SaveAsync(Savepoint, cancellationToken).ConfigureAwait(false);
        var probe = new NpgsqlBatch(connection, transaction);
        await using (probe.ConfigureAwait(false))
        {
            probe.BatchCommands.Add(Command(ProbeSql, Guid.NewGuid(), subTopic, extension));
            try
            {
                await probe.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (PostgresException denied) when (denied.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                await transaction.RollbackAsync(Savepoint, cancellationToken).ConfigureAwait(false);
                return false;
            }
        }
    }

    private static NpgsqlBatchCommand Session(ChannelIdentity identity, string subTopic) => Command(
        SessionSql, subTopic, identity.Token.ClaimsJson, identity.Token.Subject ?? "", identity.Token.Role ?? "", identity.HeadersJson);

    private static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}

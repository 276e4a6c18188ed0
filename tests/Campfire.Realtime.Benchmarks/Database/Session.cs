using Npgsql;

namespace Campfire.Realtime.Benchmarks.Database;

// One connection in one role, as PostgREST holds one while it serves a request.
internal sealed class Session(NpgsqlConnection connection) : IAsyncDisposable
{
    private const string Content = "Hello, I cannot find my order. Could you please look where it is?";

    public NpgsqlConnection Connection => connection;

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using NpgsqlCommand command = Create(sql, parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<T> ReadAsync<T>(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using NpgsqlCommand command = Create(sql, parameters);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public Task WaitForDiskAsync(bool isWaiting, CancellationToken cancellationToken) =>
        ExecuteAsync($"set synchronous_commit = {(isWaiting ? "on" : "off")}", cancellationToken);

    public async Task<Func<Task>> PrepareAsync(string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        NpgsqlCommand command = Create(sql, parameters);
        await command.PrepareAsync(cancellationToken);
        return () => command.ExecuteScalarAsync(cancellationToken);
    }

    public Task<Func<Task>> PrepareSendAsync(Guid conversationId, CancellationToken cancellationToken) =>
        PrepareSendAsync("public.campfire_send_message", conversationId, cancellationToken);

    public Task<Func<Task>> PreparePlainWritesAsync(Guid conversationId, CancellationToken cancellationToken) =>
        PrepareSendAsync("plain.send", conversationId, cancellationToken);

    // The same columns and two unique indexes, and nothing else.
    public async Task<Func<Task>> PrepareBareInsertAsync(Guid organizationId, Guid conversationId, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = Create(
            """
            insert into public.bare (id, conversation_id, organization_id, sequence, content, sender_type, sender_id, sender_name, sender_email)
            values ($1, $2, $3, $4, $5, 'visitor', $6, 'Vera Visitor', 'vera@example.com')
            """,
            Guid.NewGuid(), conversationId, organizationId, 0L, Content, organizationId.ToString());
        await command.PrepareAsync(cancellationToken);
        long sequence = 0;
        return async () =>
        {
            command.Parameters[0].Value = Guid.CreateVersion7();
            command.Parameters[3].Value = ++sequence;
            await command.ExecuteNonQueryAsync(cancellationToken);
        };
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private async Task<Func<Task>> PrepareSendAsync(string function, Guid conversationId, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = Create($"select {function}($1, $2, $3)::text", conversationId, Guid.NewGuid(), Content);
        await command.PrepareAsync(cancellationToken);
        return async () =>
        {
            command.Parameters[1].Value = Guid.CreateVersion7();
            await command.ExecuteScalarAsync(cancellationToken);
        };
    }

    private NpgsqlCommand Create(string sql, params object[] parameters)
    {
        NpgsqlCommand command = new(sql, connection);
        foreach (object parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return command;
    }
}

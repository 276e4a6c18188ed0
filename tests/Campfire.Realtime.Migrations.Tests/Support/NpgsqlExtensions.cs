using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

internal static class NpgsqlExtensions
{
    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, params object?[] parameters)
    {
        await using NpgsqlCommand command = Create(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ReadAsync<T>(this NpgsqlConnection connection, string sql, params object?[] parameters)
    {
        await using NpgsqlCommand command = Create(connection, sql, parameters);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static async Task<List<T>> ListAsync<T>(this NpgsqlConnection connection, string sql, params object?[] parameters)
    {
        await using NpgsqlCommand command = Create(connection, sql, parameters);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        List<T> rows = [];
        while (await reader.ReadAsync())
            rows.Add(reader.GetFieldValue<T>(0));
        return rows;
    }

    private static NpgsqlCommand Create(NpgsqlConnection connection, string sql, object?[] parameters)
    {
        NpgsqlCommand command = new(sql, connection);
        foreach (object? parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter ?? DBNull.Value });
        return command;
    }
}

using System.Text.Json;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

// Who calls, as PostgREST and Realtime tell the database: a role and the claims of a verified token.
internal sealed record Caller(string? Role, string Claims)
{
    public static Caller Anonymous { get; } = new("anon", """{"role":"anon"}""");

    public static Caller Service { get; } = new("service_role", """{"role":"service_role"}""");

    // A program that connects to PostgreSQL itself.
    public static Caller Owner { get; } = new(null, "");

    public static Caller User(Guid userId) =>
        new("authenticated", JsonSerializer.Serialize(new { role = "authenticated", sub = userId }));

    public static Caller Visitor(Guid organizationId, Guid conversationId, Guid visitorId) =>
        new("anon", JsonSerializer.Serialize(new
        {
            role = "anon",
            sub = visitorId,
            campfire = new { kind = "visitor", org = organizationId, conv = conversationId },
        }));

    public async Task BecomeAsync(NpgsqlConnection connection, string? topic = null)
    {
        await connection.ExecuteAsync(
            "select set_config('request.jwt.claims', $1, true), set_config('realtime.topic', $2, true)", Claims, topic ?? "");
        if (Role is not null)
            await connection.ExecuteAsync($"set local role {Role}");
    }

    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> action)
    {
        await using NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await BecomeAsync(connection);
        T result = await action(connection);
        await transaction.CommitAsync();
        return result;
    }

    public Task<int> ExecuteAsync(string sql, params object?[] parameters) =>
        RunAsync(connection => connection.ExecuteAsync(sql, parameters));

    public Task<T> ReadAsync<T>(string sql, params object?[] parameters) =>
        RunAsync(connection => connection.ReadAsync<T>(sql, parameters));

    public Task<List<T>> ListAsync<T>(string sql, params object?[] parameters) =>
        RunAsync(connection => connection.ListAsync<T>(sql, parameters));

    public async Task<JsonElement> CallAsync(string call, params object?[] parameters) =>
        Json.Parse(await ReadAsync<string>($"select public.{call}::text", parameters));
}

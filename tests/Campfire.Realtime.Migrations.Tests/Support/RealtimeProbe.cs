using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

// Asks the policies on realtime.messages as Realtime does: rows without event and payload, then the
// caller's role, all in a transaction that is rolled back.
internal static class RealtimeProbe
{
    // One letter per right: (r)eceive, (b)roadcast, (p)resence.
    public static async Task<string> RunAsync(Caller caller, string topic)
    {
        await using NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        Guid broadcastId = Guid.NewGuid();
        Guid presenceId = Guid.NewGuid();
        await connection.ExecuteAsync(
            """
            insert into realtime.messages (id, topic, extension, inserted_at, updated_at)
            values ($1, $3, 'broadcast', now(), now()), ($2, $3, 'presence', now(), now())
            """,
            broadcastId, presenceId, topic);
        await caller.BecomeAsync(connection, topic);

        long visible = await connection.ReadAsync<long>(
            "select count(*) from realtime.messages where id in ($1, $2)", broadcastId, presenceId);
        Assert.That(visible, Is.EqualTo(0).Or.EqualTo(2), "broadcast and presence are received together");
        string receive = visible == 2 ? "r" : "-";
        string broadcast = await MayInsertAsync(connection, transaction, topic, "broadcast") ? "b" : "-";
        string presence = await MayInsertAsync(connection, transaction, topic, "presence") ? "p" : "-";
        return receive + broadcast + presence;
    }

    private static async Task<bool> MayInsertAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, string topic, string extension)
    {
        await transaction.SaveAsync("probe");
        try
        {
            await connection.ExecuteAsync(
                "insert into realtime.messages (topic, extension, inserted_at, updated_at) values ($1, $2, now(), now())",
                topic, extension);
            return true;
        }
        catch (PostgresException refusal) when (refusal.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return false;
        }
        finally
        {
            await transaction.RollbackAsync("probe");
        }
    }
}

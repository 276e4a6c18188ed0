using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

// The shape of the plans on tables with enough rows, as auto_explain would show them, never the clock.
public sealed class PlanTests
{
    private const int Rows = 5_000;
    private const int Conversations = 500;

    [Test]
    public async Task Reading_the_log_uses_indexes_only()
    {
        string plan = await ExplainAsync(
            """
            select log.sequence, (select message.content from public.messages message where message.id = log.message_id)
            from public.conversation_events log
            where log.conversation_id = $1 and log.sequence > $2
            order by log.sequence
            limit 101
            """,
            Guid.NewGuid(), 0L);

        Assert.That(plan, Does.Not.Contain("Seq Scan").And.Contain("conversation_events_pkey").And.Contain("messages_pkey"));
    }

    [Test]
    public async Task Policy_look_ups_use_indexes_only()
    {
        string member = await ExplainAsync(
            "select from public.organization_members where organization_id = $1 and user_id = $2", Guid.NewGuid(), Guid.NewGuid());
        string conversation = await ExplainAsync(
            "select from public.conversations where id = $1 and organization_id = $2 and visitor_id = $3", Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());

        Assert.That(member, Does.Not.Contain("Seq Scan").And.Contain("organization_members_"));
        Assert.That(conversation, Does.Not.Contain("Seq Scan").And.Contain("conversations_"));
    }

    // In a transaction that is rolled back, so that the others do not find the rows.
    private static async Task<string> ExplainAsync(string sql, params object[] parameters)
    {
        await using NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        Guid organizationId = Guid.NewGuid();
        await connection.ExecuteAsync("insert into public.organizations (id, name) values ($1, 'Plans')", organizationId);
        await connection.ExecuteAsync(
            "insert into public.organization_members (organization_id, user_id) select $1, gen_random_uuid() from generate_series(1, $2)",
            organizationId, Rows);
        Guid conversationId = await connection.ReadAsync<Guid>(
            "insert into public.conversations (organization_id, visitor_id) values ($1, $1) returning id", organizationId);
        await connection.ExecuteAsync(
            "insert into public.conversation_events (conversation_id, sequence, event, message_id, actor_type) "
                + "select $1, number, 'message:created', gen_random_uuid(), 'visitor' from generate_series(2, $2) number",
            conversationId, Rows);
        await connection.ExecuteAsync(
            "insert into public.conversations (organization_id, visitor_id) select $1, gen_random_uuid() from generate_series(1, $2)",
            organizationId, Conversations);
        await connection.ExecuteAsync("analyze public.organization_members, public.conversation_events, public.conversations");
        List<string> lines = await connection.ListAsync<string>("explain (costs off) " + sql, parameters);
        return string.Join('\n', lines);
    }
}

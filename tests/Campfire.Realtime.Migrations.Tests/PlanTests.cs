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
        string plans = await ExplainAsync("select public.campfire_events($1, 4900, 100)");

        Assert.That(plans, Does.Not.Contain("Seq Scan").And.Contain("conversation_events_pkey").And.Contain("messages_pkey"));
    }

    [Test]
    public async Task Storing_a_message_uses_indexes_only()
    {
        string plans = await ExplainAsync("select public.campfire_send_message($1, gen_random_uuid(), 'hello')");

        Assert.That(plans, Does.Contain("conversations_pkey").And.Contain("messages_pkey").And.Contain("realtime_conversations_pkey"));
        Assert.That(plans.Replace("Seq Scan on settings", "", StringComparison.Ordinal), Does.Not.Contain("Seq Scan"), "settings is one row");
    }

    [Test]
    public async Task Asking_who_may_join_uses_indexes_only()
    {
        string plans = await ExplainAsync("select campfire.can_receive('bcast:org:{org}:conv:' || $1)");

        Assert.That(plans, Does.Not.Contain("Seq Scan").And.Contain("organization_members_").And.Contain("conversations_pkey"));
    }

    // The plans of the call and of every statement in the functions that it reaches, for an agent. In a transaction that is
    // rolled back, so that the others do not find the rows.
    private static async Task<string> ExplainAsync(string call)
    {
        await using NpgsqlConnection connection = new(AssemblySetup.AdminConnectionString);
        await connection.OpenAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        (Guid organizationId, Guid agentId) = (Guid.NewGuid(), Guid.NewGuid());
        await connection.ExecuteAsync("insert into public.organizations (id, name) values ($1, 'Plans')", organizationId);
        await connection.ExecuteAsync(
            """
            insert into public.organization_members (organization_id, user_id)
            select $1, case number when 1 then $2 else gen_random_uuid() end from generate_series(1, $3) number
            """,
            organizationId, agentId, Rows);
        await connection.ExecuteAsync(
            "insert into public.conversations (organization_id, visitor_id) select $1, gen_random_uuid() from generate_series(1, $2)",
            organizationId, Conversations);
        Guid conversationId = await connection.ReadAsync<Guid>("select id from public.conversations where organization_id = $1 limit 1", organizationId);
        await connection.ExecuteAsync("set local session_replication_role = replica");
        await connection.ExecuteAsync(
            """
            insert into public.messages (conversation_id, organization_id, sequence, content, sender_type)
            select $1, $2, number, 'hello', 'visitor' from generate_series(2, $3) number
            """,
            conversationId, organizationId, Rows);
        await connection.ExecuteAsync(
            """
            insert into public.conversation_events (conversation_id, sequence, event, message_id, actor_type)
            select conversation_id, sequence, 'message:created', id, 'visitor' from public.messages where conversation_id = $1
            """,
            conversationId);
        await connection.ExecuteAsync("update public.conversations set last_sequence = $2 where id = $1", conversationId, (long)Rows);
        await connection.ExecuteAsync("set local session_replication_role = origin");
        await connection.ExecuteAsync(
            """
            analyze public.organization_members, public.conversations, public.messages, public.conversation_events, public.realtime_conversations;
            -- Only policies reach the helpers otherwise.
            grant usage on schema campfire to authenticated;
            """);

        List<string> plans = [];
        connection.Notice += (_, told) => plans.Add(told.Notice.MessageText);
        await connection.ExecuteAsync(
            """
            load 'auto_explain';
            set local auto_explain.log_min_duration = 0;
            set local auto_explain.log_nested_statements = on;
            set local client_min_messages = log;
            """);
        await Caller.User(agentId).BecomeAsync(connection);
        await connection.ExecuteAsync(call.Replace("{org}", $"{organizationId}", StringComparison.Ordinal), conversationId);
        Assert.That(plans, Is.Not.Empty);
        return string.Join('\n', plans);
    }
}

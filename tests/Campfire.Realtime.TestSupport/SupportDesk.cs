using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.TestSupport;

// An organization with one agent and one visitor's conversation, all new, so that tests do not meet.
public sealed record SupportDesk(
    Guid OrganizationId, Guid AgentId, string AgentToken, Guid VisitorId, Guid ConversationId, string VisitorToken)
{
    public static async Task<SupportDesk> CreateAsync(CampfireEmulator emulator)
    {
        var agentId = Guid.CreateVersion7();
        var visitorId = Guid.CreateVersion7();
        await using var connection = new NpgsqlConnection(emulator.ConnectionString);
        await connection.OpenAsync();
        var organizationId = await InsertAsync(connection, "insert into public.organizations (name) values ('Acme') returning id");
        await AddMemberAsync(emulator, organizationId, agentId);
        var conversationId = await InsertAsync(
            connection,
            "insert into public.conversations (organization_id, visitor_id, customer_name) values ($1, $2, 'Vera') returning id",
            organizationId,
            visitorId);
        return new SupportDesk(
            organizationId,
            agentId,
            emulator.CreateAgentToken(agentId),
            visitorId,
            conversationId,
            emulator.CreateVisitorToken(organizationId, conversationId, visitorId));
    }

    public static async Task AddMemberAsync(CampfireEmulator emulator, Guid organizationId, Guid userId, string role = "agent")
    {
        await using var connection = new NpgsqlConnection(emulator.ConnectionString);
        await connection.OpenAsync();
        await InsertAsync(
            connection,
            "insert into public.organization_members (organization_id, user_id, role, display_name) values ($1, $2, $3, 'Ada') returning user_id",
            organizationId,
            userId,
            role);
    }

    private static async Task<Guid> InsertAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return (Guid)(await command.ExecuteScalarAsync())!;
    }
}

using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// A conversation with everything that can belong to it, by its ids.
internal sealed record Part(Guid OrganizationId, Guid AgentId, Guid ConversationId, Guid VisitorId, Guid MessageId, Guid AnswerId)
{
    public string Fill(string template) => template
        .Replace("{org}", $"{OrganizationId}", StringComparison.Ordinal)
        .Replace("{agent}", $"{AgentId}", StringComparison.Ordinal)
        .Replace("{conv}", $"{ConversationId}", StringComparison.Ordinal)
        .Replace("{visitor}", $"{VisitorId}", StringComparison.Ordinal)
        .Replace("{message}", $"{MessageId}", StringComparison.Ordinal)
        .Replace("{answer}", $"{AnswerId}", StringComparison.Ordinal)
        .Replace("{key}", $"wk_{OrganizationId:N}", StringComparison.Ordinal);
}

// What every cell is tried on: this conversation, another one of the same organization, and one of another organization.
internal sealed record Scene(Part This, Part Sibling, Part Foreign, Guid ViewerId)
{
    public IReadOnlyList<Part> Parts => [This, Sibling, Foreign];

    public static async Task<Scene> CreateAsync()
    {
        Part mine = NewPart(Guid.NewGuid(), Guid.NewGuid());
        Scene scene = new(mine, NewPart(mine.OrganizationId, mine.AgentId), NewPart(Guid.NewGuid(), Guid.NewGuid()), Guid.NewGuid());
        string sql = mine.Fill(OrganizationSql) + scene.Foreign.Fill(OrganizationSql)
            + $"insert into public.organization_members (organization_id, user_id, role) values ('{mine.OrganizationId}', '{scene.ViewerId}', 'viewer');"
            + string.Concat(scene.Parts.Select(part => part.Fill(ConversationSql)));
        await using NpgsqlCommand command = AssemblySetup.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
        return scene;
    }

    private static Part NewPart(Guid organizationId, Guid agentId) =>
        new(organizationId, agentId, Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());

    private const string OrganizationSql = """
        insert into public.organizations (id, name) values ('{org}', 'Matrix');
        insert into public.organization_members (organization_id, user_id, role) values ('{org}', '{agent}', 'agent');
        insert into public.widget_keys (organization_id, public_key) values ('{org}', '{key}');
        """;

    private const string ConversationSql = """
        insert into public.conversations (id, organization_id, visitor_id) values ('{conv}', '{org}', '{visitor}');
        insert into public.messages (id, conversation_id, content, sender_type, sender_id, attachments) values
            ('{message}', '{conv}', 'question', 'visitor', '{visitor}',
                '[{"file_name":"a","content_type":"b","size_bytes":1,"storage_path":"c"}]'),
            ('{answer}', '{conv}', 'answer', 'agent', '{agent}', '[]');
        insert into public.conversation_receipts (conversation_id, participant_type, participant_id, organization_id, read_through)
            values ('{conv}', 'visitor', '{visitor}', '{org}', 1);
        insert into campfire.visitor_rates (conversation_id, recent, day, day_messages) values ('{conv}', '{}', '2026-01-01', 1);
        insert into campfire.adopted_tables (name) values ('matrix {conv}');
        """;
}

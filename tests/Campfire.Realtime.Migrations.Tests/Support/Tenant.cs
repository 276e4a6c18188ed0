using System.Text.Json;

namespace Campfire.Realtime.Migrations.Tests.Support;

// An organization of its own for each test, with an agent, a viewer, and a visitor in a conversation.
internal sealed record Tenant(Guid OrganizationId, Guid AgentId, Guid ViewerId, Guid VisitorId, Guid ConversationId)
{
    public const string AgentName = "Ann Agent";
    public const string VisitorName = "Víctor Visitor";
    public const string VisitorEmail = "victor@example.com";

    public Caller Agent => Caller.User(AgentId);

    public Caller Viewer => Caller.User(ViewerId);

    public Caller Visitor => Caller.Visitor(OrganizationId, ConversationId, VisitorId);

    public string OrganizationTopic => $"bcast:org:{OrganizationId}";

    public string ConversationsTopic => $"bcast:org:{OrganizationId}:conversations";

    public string ConversationTopic => $"bcast:org:{OrganizationId}:conv:{ConversationId}";

    public static async Task<Tenant> CreateAsync()
    {
        Guid organizationId = Guid.NewGuid();
        Guid agentId = Guid.NewGuid();
        Guid viewerId = Guid.NewGuid();
        Guid visitorId = Guid.NewGuid();
        await Caller.Service.ExecuteAsync("insert into public.organizations (id, name) values ($1, 'Test')", organizationId);
        await Caller.Service.ExecuteAsync(
            """
            insert into public.organization_members (organization_id, user_id, role, display_name)
            values ($1, $2, 'agent', $3), ($1, $4, 'viewer', 'Vera Viewer')
            """,
            organizationId, agentId, AgentName, viewerId);
        return new(organizationId, agentId, viewerId, visitorId, await OpenAsync(organizationId, visitorId));
    }

    // Another visitor of the same organization, in a conversation of her own.
    public async Task<Caller> CreateOtherVisitorAsync()
    {
        Guid visitorId = Guid.NewGuid();
        return Caller.Visitor(OrganizationId, await OpenAsync(OrganizationId, visitorId), visitorId);
    }

    public Task<JsonElement> SendAsync(Caller caller, string content, Guid? id = null) =>
        caller.CallAsync("campfire_send_message($1, $2, $3)", ConversationId, id ?? Guid.CreateVersion7(), content);

    // With p_sender, p_handler_epoch, p_attachments or p_metadata as named arguments in SQL.
    public Task<JsonElement> SendAsync(Caller caller, string content, string namedArguments, Guid? id = null) =>
        caller.CallAsync(
            $"campfire_send_message($1, $2, $3, {namedArguments})", ConversationId, id ?? Guid.CreateVersion7(), content);

    public async Task<List<JsonElement>> ReadLogAsync(long after = 0) =>
        [.. (await Caller.Service.CallAsync("campfire_events($1, $2, 500)", ConversationId, after))
            .GetProperty("events").EnumerateArray()];

    public async Task<List<string>> ReadLogNamesAsync() =>
        [.. (await ReadLogAsync()).Select(entry => $"{entry.GetProperty("payload").Number("sequence")} {entry.Text("event")}")];

    // What left for the channels, in no particular order.
    public async Task<List<Broadcast>> ReadBroadcastsAsync() =>
        [.. (await Caller.Owner.ListAsync<string>(
                """
                select jsonb_build_object('topic', topic, 'event', event, 'payload', payload, 'private', private)::text
                from realtime.messages where topic like $1 || '%'
                """,
                OrganizationTopic))
            .Select(Json.Parse)
            .Select(row => new Broadcast(
                row.Text("topic")!, row.Text("event")!, row.GetProperty("payload"), row.GetProperty("private").GetBoolean()))];

    private static async Task<Guid> OpenAsync(Guid organizationId, Guid visitorId)
    {
        JsonElement opened = await Caller.Service.CallAsync(
            "campfire_open_conversation($1, $2, $3, $4)", organizationId, visitorId, VisitorName, VisitorEmail);
        return opened.GetProperty("conversation").GetProperty("id").GetGuid();
    }
}

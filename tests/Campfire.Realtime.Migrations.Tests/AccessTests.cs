using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

// Who may do what, as tables that a person can read.
public sealed class AccessTests
{
    private const string Denied = "42501";

    private static readonly string[] _actors = ["anonymous", "visitor", "otherVisitor", "agent", "viewer", "stranger", "service"];

    //                                              anonymous visitor otherVisitor agent viewer stranger service
    [TestCase("organizations", "id",                Denied, Denied, Denied, "1", "1", "0", "1")]
    [TestCase("organization_members", "organization_id", Denied, Denied, Denied, "2", "2", "0", "2")]
    [TestCase("widget_keys", "organization_id",     Denied, Denied, Denied, Denied, Denied, Denied, "1")]
    [TestCase("conversations", "id",                Denied, Denied, Denied, "1", "1", "0", "1")]
    [TestCase("messages", "conversation_id",        "0", "1", "0", "1", "1", "0", "1")]
    [TestCase("message_attachments", "conversation_id", "0", "1", "0", "1", "1", "0", "1")]
    [TestCase("conversation_events", "conversation_id", Denied, Denied, Denied, Denied, Denied, Denied, "2")]
    [TestCase("conversation_receipts", "conversation_id", "0", "1", "0", "1", "1", "0", "1")]
    [TestCase("realtime_conversations", "id",       "0", "1", "0", "1", "1", "0", "1")]
    public async Task Rows_of_an_organization_are_seen_by_its_people_only(string table, string column, params string[] expected)
    {
        Tenant tenant = await CreateFullAsync();
        Guid key = table is "organizations" or "organization_members" or "widget_keys" ? tenant.OrganizationId : tenant.ConversationId;

        List<string> outcomes = [];
        foreach (Caller caller in await ActorsAsync(tenant))
        {
            long rows = 0;
            string outcome = await Refusal.OutcomeAsync(async () =>
                rows = await caller.ReadAsync<long>($"select count(*) from public.{table} where {column} = $1", key));
            outcomes.Add(outcome == "ok" ? rows.ToString(System.Globalization.CultureInfo.InvariantCulture) : outcome);
        }

        Assert.That(Describe(outcomes), Is.EqualTo(Describe(expected)));
    }

    //                                                                  anonymous visitor otherVisitor agent viewer stranger service
    [TestCase("campfire_open_conversation('{org}', gen_random_uuid())", Denied, Denied, Denied, Denied, Denied, Denied, "ok")]
    [TestCase("campfire_find_widget_key('{key}')",                      Denied, Denied, Denied, Denied, Denied, Denied, "ok")]
    [TestCase("campfire_send_message('{conv}', gen_random_uuid(), 'x')", "PT404", "ok", "PT404", "ok", "PT403", "PT404", "ok")]
    [TestCase("campfire_events('{conv}')",                              "PT404", "ok", "PT404", "ok", "ok", "PT404", "ok")]
    [TestCase("campfire_messages('{conv}')",                            "PT404", "ok", "PT404", "ok", "ok", "PT404", "ok")]
    [TestCase("campfire_mark('{conv}', 1)",                             "PT404", "ok", "PT404", "ok", "PT403", "PT404", Denied)]
    [TestCase("campfire_conversations('{org}')",                        Denied, Denied, Denied, "ok", "ok", "PT404", "ok")]
    public async Task Functions_serve_participants_only(string call, params string[] expected)
    {
        Tenant tenant = await CreateFullAsync();
        string sql = call
            .Replace("{org}", tenant.OrganizationId.ToString(), StringComparison.Ordinal)
            .Replace("{conv}", tenant.ConversationId.ToString(), StringComparison.Ordinal)
            .Replace("{key}", $"wk_{tenant.OrganizationId:N}", StringComparison.Ordinal);

        List<string> outcomes = [];
        foreach (Caller caller in await ActorsAsync(tenant))
            outcomes.Add(await Refusal.OutcomeAsync(() => caller.CallAsync(sql)));

        Assert.That(Describe(outcomes), Is.EqualTo(Describe(expected)));
    }

    [Test]
    public async Task Insert_of_a_message_serves_participants_only()
    {
        Tenant tenant = await CreateFullAsync();

        List<string> outcomes = [];
        foreach (Caller caller in await ActorsAsync(tenant))
            outcomes.Add(await Refusal.OutcomeAsync(() => caller.ExecuteAsync(
                "insert into public.messages (id, conversation_id, content) values (gen_random_uuid(), $1, 'x')",
                tenant.ConversationId)));

        Assert.That(Describe(outcomes), Is.EqualTo(Describe(["PT404", "ok", "PT404", "ok", "PT403", "PT404", "ok"])));
    }

    [TestCase("update public.messages set content = 'forged'")]
    [TestCase("delete from public.messages")]
    [TestCase("update public.conversations set priority = 'low'")]
    [TestCase("delete from public.conversations")]
    [TestCase("insert into public.conversations (organization_id, visitor_id) select gen_random_uuid(), gen_random_uuid()")]
    [TestCase("update public.realtime_conversations set status = 'closed'")]
    [TestCase("delete from public.realtime_conversations")]
    [TestCase("update public.conversation_receipts set read_through = 99")]
    [TestCase("delete from public.conversation_events")]
    [TestCase("update public.organization_members set role = 'owner'")]
    [TestCase("delete from public.organization_members")]
    [TestCase("insert into public.organizations (name) values ('mine')")]
    [TestCase("update public.widget_keys set is_enabled = true")]
    [TestCase("delete from public.message_attachments")]
    [TestCase("truncate public.messages")]
    public async Task Nothing_else_is_writable_by_clients(string statement)
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (Caller caller in new[] { Caller.Anonymous, tenant.Visitor, tenant.Agent })
            await Refusal.AssertAsync(() => caller.ExecuteAsync(statement), Denied);
    }

    [TestCase("insert into public.conversation_events (conversation_id, sequence, event, actor_type, data) values (gen_random_uuid(), 1, 'x', 'system', '{}')")]
    [TestCase("update public.conversation_events set event = 'x'")]
    [TestCase("delete from public.conversation_events")]
    [TestCase("update public.messages set content = 'x'")]
    [TestCase("delete from public.messages")]
    [TestCase("update public.realtime_conversations set version = 0")]
    [TestCase("update public.conversation_receipts set read_through = 99")]
    public async Task Log_is_append_only_even_for_the_server(string statement) =>
        await Refusal.AssertAsync(() => Caller.Service.ExecuteAsync(statement), Denied);

    [TestCase("ai_metadata")]
    [TestCase("handler_epoch")]
    public async Task Visitor_does_not_see_what_is_meant_for_the_agents(string column)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(() => tenant.Visitor.ListAsync<object>($"select {column} from public.messages"), Denied);
    }

    [Test]
    public async Task Private_helpers_are_out_of_reach([Values("anon", "authenticated", "service_role")] string role)
    {
        Caller caller = new(role, "");

        foreach (string call in new[] { "campfire.caller()", "campfire.is_member(gen_random_uuid())", "campfire.can_receive('x')" })
            await Refusal.AssertAsync(() => caller.ListAsync<object>($"select {call}"), Denied);
    }

    [Test]
    public async Task Member_who_left_sees_nothing_any_more()
    {
        Tenant tenant = await CreateFullAsync();
        await Caller.Service.ExecuteAsync("delete from public.organization_members where user_id = $1", tenant.AgentId);

        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Agent, "still here"), "PT404", "campfire_not_found");
        Assert.That(await tenant.Agent.ReadAsync<long>("select count(*) from public.messages"), Is.Zero);
    }

    private static string Describe(IEnumerable<string> outcomes) =>
        string.Join(", ", _actors.Zip(outcomes, (actor, outcome) => $"{actor}: {outcome}"));

    private static async Task<Caller[]> ActorsAsync(Tenant tenant) =>
    [
        Caller.Anonymous, tenant.Visitor, await tenant.CreateOtherVisitorAsync(), tenant.Agent, tenant.Viewer,
        (await Tenant.CreateAsync()).Agent, Caller.Service,
    ];

    private static async Task<Tenant> CreateFullAsync()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.ExecuteAsync(
            "insert into public.widget_keys (organization_id, public_key) values ($1, $2)",
            tenant.OrganizationId, $"wk_{tenant.OrganizationId:N}");
        await tenant.SendAsync(
            tenant.Visitor,
            "with a file",
            """p_attachments => '[{"file_name":"a","content_type":"b","size_bytes":1,"storage_path":"c"}]'""");
        await tenant.Visitor.CallAsync("campfire_mark($1, 2, 2)", tenant.ConversationId);
        return tenant;
    }
}

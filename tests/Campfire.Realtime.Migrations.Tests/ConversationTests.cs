using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class ConversationTests
{
    internal static readonly string[] PayloadKeys =
    [
        "assigned_agent_id", "created_at", "customer_email", "customer_name", "handler_epoch", "handler_id", "handler_type",
        "handover_requested_at",
        "id", "last_message_at", "last_message_preview", "last_message_sender_type", "last_sequence", "organization_id",
        "priority", "status", "updated_at", "version", "visitor_id",
    ];

    [Test]
    public async Task Conversation_opened_is_the_first_entry_of_its_log_and_reaches_three_channels()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement entry = (await tenant.ReadLogAsync()).Single();
        List<Broadcast> sent = await tenant.ReadBroadcastsAsync();

        Assert.That(entry.Text("event"), Is.EqualTo("conversation:created"));
        JsonElement payload = entry.GetProperty("payload");
        Assert.That(payload.Keys(), Is.EquivalentTo(PayloadKeys.Append("sequence")));
        Assert.That(payload.Number("sequence"), Is.EqualTo(1));
        Assert.That(payload.Text("customer_name"), Is.EqualTo(Tenant.VisitorName));
        Assert.That(sent.Select(broadcast => $"{broadcast.Topic} {broadcast.Event}"), Is.EquivalentTo(new[]
        {
            $"{tenant.ConversationTopic} conversation:created",
            $"{tenant.OrganizationTopic} conversation:created",
            $"{tenant.ConversationsTopic} conversation:created",
        }));
        foreach (Broadcast broadcast in sent)
        {
            if (broadcast.Topic == tenant.ConversationTopic)
                Assert.That(broadcast.Payload.GetRawText(), Is.EqualTo(payload.GetRawText()));
            else
                Assert.That(broadcast.Payload.Keys(), Is.EqualTo(PayloadKeys));
        }
    }

    [TestCase("status = 'pending'", "conversation:updated")]
    [TestCase("status = 'closed'", "conversation:closed")]
    [TestCase("status = 'archived'", "conversation:archived")]
    [TestCase("priority = 'urgent'", "conversation:updated")]
    [TestCase("tags = '{vip}'", "conversation:updated")]
    [TestCase("customer_name = 'New'", "conversation:updated")]
    [TestCase("handler_type = 'ai', handler_id = 'bot'", "conversation:updated")]
    [TestCase("assigned_agent_id = gen_random_uuid()", "conversation:assigned")]
    [TestCase("status = 'assigned', assigned_agent_id = gen_random_uuid()", "conversation:assigned")]
    [TestCase("status = 'closed', assigned_agent_id = gen_random_uuid()", "conversation:closed,conversation:assigned")]
    [TestCase("metadata = '{\"a\":1}'", "")]
    [TestCase("status = status, priority = priority", "")]
    public async Task Update_of_a_conversation_appends_the_events_it_amounts_to(string change, string expected)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Caller.Service.ExecuteAsync($"update public.conversations set {change} where id = $1", tenant.ConversationId);

        List<JsonElement> entries = await tenant.ReadLogAsync(after: 1);
        string[] events = expected.Split(',', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(entries.Select(entry => entry.Text("event")), Is.EqualTo(events));
        List<Broadcast> sent = [.. (await tenant.ReadBroadcastsAsync()).Where(broadcast => broadcast.Event != "conversation:created")];
        Assert.That(
            sent.Select(broadcast => $"{broadcast.Topic} {broadcast.Event}"),
            Is.EquivalentTo(events.SelectMany(name =>
                new[] { $"{tenant.ConversationTopic} {name}", $"{tenant.OrganizationTopic} {name}" })));
        Assert.That(
            await Caller.Service.ReadAsync<long>(
                "select version from public.realtime_conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(2));
    }

    [Test]
    public async Task Conversation_reopened_and_given_back_says_so()
    {
        Tenant tenant = await Tenant.CreateAsync();
        foreach (string change in new[]
        {
            "status = 'closed', assigned_agent_id = gen_random_uuid()", "status = 'open', assigned_agent_id = null",
        })
            await Caller.Service.ExecuteAsync($"update public.conversations set {change} where id = $1", tenant.ConversationId);

        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[]
        {
            "1 conversation:created", "2 conversation:closed", "3 conversation:assigned",
            "4 conversation:reopened", "5 conversation:unassigned",
        }));
    }

    [Test]
    public async Task Change_of_handler_spends_the_epoch()
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (string change in new[] { "handler_type = 'ai', handler_id = 'bot'", "priority = 'low'", "handler_id = 'bot 2'", "handler_epoch = 0" })
            await Caller.Service.ExecuteAsync($"update public.conversations set {change} where id = $1", tenant.ConversationId);

        Assert.That(
            await Caller.Service.ReadAsync<long>("select handler_epoch from public.conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(2));
    }

    [Test]
    public async Task Conversation_cannot_move_to_another_organization()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Tenant other = await Tenant.CreateAsync();

        await Refusal.AssertAsync(
            () => Caller.Service.ExecuteAsync(
                "update public.conversations set organization_id = $2 where id = $1", tenant.ConversationId, other.OrganizationId),
            "PT422", "campfire_invalid");
    }

    [TestCase("customer_name = repeat('x', 201)")]
    [TestCase("customer_email = repeat('x', 321)")]
    [TestCase("handler_id = repeat('x', 201)")]
    [TestCase("handover_reason = repeat('x', 501)")]
    [TestCase("handover_summary = repeat('x', 4001)")]
    [TestCase("handler_type = 'robot'")]
    [TestCase("status = null")]
    [TestCase("priority = null")]
    public async Task Value_that_a_conversation_does_not_take_is_refused(string change)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(
            () => Caller.Service.ExecuteAsync($"update public.conversations set {change} where id = $1", tenant.ConversationId),
            "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Texts_of_a_conversation_may_be_as_long_as_their_limits()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Caller.Service.ExecuteAsync(
            """
            update public.conversations set
                customer_name = repeat('ä', 200), customer_email = repeat('ä', 320), handler_id = repeat('ä', 200),
                handover_requested_at = now(), handover_reason = repeat('ä', 500), handover_summary = repeat('ä', 4000)
            where id = $1
            """,
            tenant.ConversationId);

        Assert.That(
            await Caller.Service.ReadAsync<int>("select length(handover_summary) from public.conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(4000));
    }

    [Test]
    public async Task Name_that_is_longer_since_before_campfire_stays_until_it_is_changed()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        await connection.ExecuteAsync("begin");
        await connection.ExecuteAsync("alter table public.conversations disable trigger user");
        await connection.ExecuteAsync(
            "update public.conversations set customer_name = repeat('x', 300) where id = $1", tenant.ConversationId);
        await connection.ExecuteAsync("alter table public.conversations enable trigger user");

        await connection.ExecuteAsync("update public.conversations set priority = 'high' where id = $1", tenant.ConversationId);

        await Refusal.AssertAsync(
            () => connection.ExecuteAsync(
                "update public.conversations set customer_name = repeat('x', 299) where id = $1", tenant.ConversationId),
            "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Mirror_follows_the_conversation_until_it_is_deleted()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.SendAsync(tenant.Visitor, "hello");
        await Caller.Service.ExecuteAsync(
            "update public.conversations set status = 'pending', priority = 'high' where id = $1", tenant.ConversationId);

        const string difference = """
            select count(*) from public.conversations c full join public.realtime_conversations m on m.id = c.id
            where coalesce(c.id, m.id) = $1 and (
                c.id, c.organization_id, c.visitor_id, c.customer_name, c.customer_email, c.status::text, c.priority::text,
                c.assigned_agent_id, c.handler_type, c.handler_id, c.handler_epoch, c.version, c.last_sequence,
                c.last_message_preview, c.last_message_at, c.last_message_sender_type, c.created_at, c.updated_at)
                is distinct from (
                m.id, m.organization_id, m.visitor_id, m.customer_name, m.customer_email, m.status, m.priority,
                m.assigned_agent_id, m.handler_type, m.handler_id, m.handler_epoch, m.version, m.last_sequence,
                m.last_message_preview, m.last_message_at, m.last_message_sender_type, m.created_at, m.updated_at)
            """;
        Assert.That(await Caller.Owner.ReadAsync<long>(difference, tenant.ConversationId), Is.Zero);

        await Caller.Service.ExecuteAsync("delete from public.conversations where id = $1", tenant.ConversationId);
        Assert.That(await Caller.Owner.ReadAsync<long>(difference, tenant.ConversationId), Is.Zero);
        Assert.That(
            await Caller.Owner.ReadAsync<long>(
                "select count(*) from public.conversation_events where conversation_id = $1", tenant.ConversationId),
            Is.Zero);
    }

    [Test]
    public async Task Open_resumes_the_visitors_newest_conversation_that_is_not_closed()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement resumed = await OpenAsync(tenant);
        await Caller.Service.ExecuteAsync("update public.conversations set status = 'closed' where id = $1", tenant.ConversationId);
        JsonElement opened = await OpenAsync(tenant);

        Assert.That(resumed.GetProperty("is_new").GetBoolean(), Is.False);
        Assert.That(resumed.GetProperty("conversation").Text("id"), Is.EqualTo(tenant.ConversationId.ToString()));
        Assert.That(opened.GetProperty("is_new").GetBoolean(), Is.True);
        Assert.That(opened.GetProperty("conversation").Text("id"), Is.Not.EqualTo(tenant.ConversationId.ToString()));
        Assert.That(opened.GetProperty("conversation").Keys(), Is.EqualTo(PayloadKeys));
    }

    [Test]
    public async Task Open_at_the_same_time_creates_one_conversation()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid visitorId = Guid.NewGuid();

        (JsonElement first, JsonElement second) = await Race.RunAsync(
            Caller.Service, "campfire_open_conversation($1, $2)", tenant.OrganizationId, visitorId);

        Assert.That(first.GetProperty("is_new").GetBoolean(), Is.True);
        Assert.That(second.GetProperty("is_new").GetBoolean(), Is.False);
        Assert.That(second.GetProperty("conversation").Text("id"), Is.EqualTo(first.GetProperty("conversation").Text("id")));
    }

    [Test]
    public async Task Open_by_id_resumes_only_the_visitors_own_conversation()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Tenant other = await Tenant.CreateAsync();

        JsonElement own = await OpenByIdAsync(tenant.OrganizationId, tenant.VisitorId, tenant.ConversationId);

        Assert.That(own.GetProperty("conversation").Text("id"), Is.EqualTo(tenant.ConversationId.ToString()));
        foreach ((Guid organization, Guid visitor) in new[]
        {
            (tenant.OrganizationId, Guid.NewGuid()), (other.OrganizationId, tenant.VisitorId), (Guid.NewGuid(), tenant.VisitorId),
        })
            await Refusal.AssertAsync(
                () => OpenByIdAsync(organization, visitor, tenant.ConversationId), "PT404", "campfire_not_found");
    }

    [Test]
    public async Task Open_refuses_an_unknown_organization_and_bad_details()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_open_conversation($1, $2)", Guid.NewGuid(), Guid.NewGuid()),
            "PT404", "campfire_not_found");
        foreach (string argument in new[]
        {
            "p_customer_name => repeat('x', 201)", "p_customer => '[]'", "p_customer_ip => 'not an address'",
            "p_customer => jsonb_build_object('x', repeat('y', 9000))",
        })
            await Refusal.AssertAsync(
                () => Caller.Service.CallAsync(
                    $"campfire_open_conversation($1, $2, {argument})", tenant.OrganizationId, Guid.NewGuid()),
                "PT422", "campfire_invalid");
    }

    [TestCase("203.0.113.7", "203.0.113.7/32")]
    [TestCase("::ffff:127.0.0.1", "::ffff:127.0.0.1/128")]
    [TestCase("fe80::1%eth0", "fe80::1/128")]
    public async Task Open_keeps_the_customers_address(string address, string expected)
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement opened = await Caller.Service.CallAsync(
            "campfire_open_conversation($1, $2, p_customer_ip => $3)", tenant.OrganizationId, Guid.NewGuid(), address);

        Assert.That(
            await Caller.Service.ReadAsync<string>(
                "select customer_ip::text from public.conversations where id = $1",
                opened.GetProperty("conversation").GetProperty("id").GetGuid()),
            Is.EqualTo(expected));
    }

    private static Task<JsonElement> OpenAsync(Tenant tenant) =>
        Caller.Service.CallAsync("campfire_open_conversation($1, $2)", tenant.OrganizationId, tenant.VisitorId);

    private static Task<JsonElement> OpenByIdAsync(Guid organizationId, Guid visitorId, Guid conversationId) =>
        Caller.Service.CallAsync(
            "campfire_open_conversation($1, $2, p_conversation_id => $3)", organizationId, visitorId, conversationId);
}

using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class MessageTests
{
    [Test]
    public async Task Message_of_a_visitor_carries_exactly_the_agreed_payload()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();

        JsonElement stored = await tenant.SendAsync(tenant.Visitor, "Grüß Gott 👋\nline two", id);

        Assert.That(stored.Keys(), Is.EqualTo(new[]
        {
            "attachments", "content", "conversation_id", "created_at", "id", "metadata", "organization_id",
            "sender_email", "sender_id", "sender_name", "sender_type", "sequence",
        }));
        Assert.Multiple(() =>
        {
            Assert.That(stored.Number("sequence"), Is.EqualTo(2));
            Assert.That(stored.Text("id"), Is.EqualTo(id.ToString()));
            Assert.That(stored.Text("conversation_id"), Is.EqualTo(tenant.ConversationId.ToString()));
            Assert.That(stored.Text("organization_id"), Is.EqualTo(tenant.OrganizationId.ToString()));
            Assert.That(stored.Text("content"), Is.EqualTo("Grüß Gott 👋\nline two"));
            Assert.That(stored.Text("sender_type"), Is.EqualTo("visitor"));
            Assert.That(stored.Text("sender_id"), Is.EqualTo(tenant.VisitorId.ToString()));
            Assert.That(stored.Text("sender_name"), Is.EqualTo(Tenant.VisitorName));
            Assert.That(stored.Text("sender_email"), Is.EqualTo(Tenant.VisitorEmail));
            Assert.That(stored.Text("attachments"), Is.EqualTo("[]"));
            Assert.That(stored.Text("metadata"), Is.EqualTo("{}"));
            Assert.That(stored.Text("created_at"), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
        });
    }

    [Test]
    public async Task Message_of_an_agent_bears_the_display_name_and_no_email()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement stored = await tenant.SendAsync(tenant.Agent, "Hello");

        Assert.That(stored.Text("sender_type"), Is.EqualTo("agent"));
        Assert.That(stored.Text("sender_id"), Is.EqualTo(tenant.AgentId.ToString()));
        Assert.That(stored.Text("sender_name"), Is.EqualTo(Tenant.AgentName));
        Assert.That(stored.GetProperty("sender_email").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public async Task Message_reaches_exactly_three_channels_with_their_events()
    {
        Tenant tenant = await Tenant.CreateAsync();
        HashSet<string> before = [.. (await tenant.ReadBroadcastsAsync()).Select(Describe)];

        JsonElement stored = await tenant.SendAsync(tenant.Visitor, "  Where is\n my order?  ");

        List<Broadcast> sent = [.. (await tenant.ReadBroadcastsAsync()).Where(broadcast => !before.Contains(Describe(broadcast)))];
        Assert.That(sent.Select(broadcast => $"{broadcast.Topic} {broadcast.Event}"), Is.EquivalentTo(new[]
        {
            $"{tenant.ConversationTopic} message:created",
            $"{tenant.OrganizationTopic} conversation:updated",
            $"{tenant.ConversationsTopic} message:created",
        }));
        Assert.That(sent.Select(broadcast => broadcast.IsPrivate), Is.All.True);
        foreach (Broadcast message in sent.Where(broadcast => broadcast.Event == "message:created"))
            Assert.That(message.Payload.GetRawText(), Is.EqualTo(stored.GetRawText()));

        JsonElement summary = sent.Single(broadcast => broadcast.Event == "conversation:updated").Payload;
        Assert.That(summary.Keys(), Is.EqualTo(ConversationTests.PayloadKeys));
        Assert.That(summary.Text("id"), Is.EqualTo(tenant.ConversationId.ToString()));
        Assert.That(summary.Number("last_sequence"), Is.EqualTo(2));
        Assert.That(summary.Number("version"), Is.EqualTo(2));
        Assert.That(summary.Text("last_message_preview"), Is.EqualTo("Where is my order?"));
        Assert.That(summary.Text("last_message_sender_type"), Is.EqualTo("visitor"));
        Assert.That(summary.Text("last_message_at"), Is.EqualTo(stored.Text("created_at")));
    }

    [Test]
    public async Task Message_reads_the_same_live_from_the_log_and_from_the_history()
    {
        Tenant tenant = await Tenant.CreateAsync();
        JsonElement stored = await tenant.SendAsync(
            tenant.Visitor,
            "",
            """
            p_metadata => '{"page":"/cart"}',
            p_attachments => '[{"file_name":"a.png","content_type":"image/png","size_bytes":12,"storage_path":"x/a.png","extra":1}]'
            """);

        JsonElement entry = (await tenant.ReadLogAsync(after: 1)).Single();
        JsonElement history = (await tenant.Visitor.CallAsync("campfire_messages($1)", tenant.ConversationId))
            .GetProperty("messages")[0];

        Assert.That(entry.Text("event"), Is.EqualTo("message:created"));
        Assert.That(entry.GetProperty("payload").GetRawText(), Is.EqualTo(stored.GetRawText()));
        Assert.That(history.GetRawText(), Is.EqualTo(stored.GetRawText()));
        JsonElement attachment = stored.GetProperty("attachments")[0];
        Assert.That(attachment.Keys(), Is.EqualTo(new[] { "content_type", "file_name", "id", "size_bytes", "storage_path" }));
        Assert.That(
            await tenant.Visitor.ReadAsync<string>(
                "select file_name from public.message_attachments where id = $1", attachment.GetProperty("id").GetGuid()),
            Is.EqualTo("a.png"));
    }

    [Test]
    public async Task Plain_insert_does_all_that_the_function_does()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();

        await tenant.Visitor.ExecuteAsync(
            "insert into public.messages (id, conversation_id, content) values ($1, $2, 'plain')", id, tenant.ConversationId);

        JsonElement payload = (await tenant.ReadLogAsync(after: 1)).Single().GetProperty("payload");
        Assert.That(payload.Text("sender_id"), Is.EqualTo(tenant.VisitorId.ToString()));
        Assert.That(payload.Number("sequence"), Is.EqualTo(2));
        Assert.That(
            (await tenant.ReadBroadcastsAsync()).Count(broadcast =>
                broadcast.Event == "message:created" && broadcast.Payload.Text("id") == id.ToString()),
            Is.EqualTo(2));
    }

    [TestCase("sender_type", "'agent'")]
    [TestCase("sender_id", "'someone'")]
    [TestCase("sequence", "99")]
    [TestCase("created_at", "now()")]
    [TestCase("organization_id", "gen_random_uuid()")]
    [TestCase("handler_epoch", "1")]
    public async Task Plain_insert_of_a_client_cannot_state_what_the_database_decides(string column, string value)
    {
        Tenant tenant = await Tenant.CreateAsync();
        string sql = $"insert into public.messages (id, conversation_id, content, {column}) values (gen_random_uuid(), $1, 'x', {value})";

        foreach (Caller caller in new[] { tenant.Visitor, tenant.Agent })
            await Refusal.AssertAsync(() => caller.ExecuteAsync(sql, tenant.ConversationId), "42501");
    }

    [Test]
    public async Task Plain_insert_of_a_server_cannot_choose_sequence_time_or_organization()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Caller.Owner.ExecuteAsync(
            """
            insert into public.messages (conversation_id, content, sender_type, sequence, created_at, organization_id)
            values ($1, 'x', 'system', 99, '2001-01-01', gen_random_uuid())
            """,
            tenant.ConversationId);

        JsonElement payload = (await tenant.ReadLogAsync(after: 1)).Single().GetProperty("payload");
        Assert.That(payload.Number("sequence"), Is.EqualTo(2));
        Assert.That(payload.Text("organization_id"), Is.EqualTo(tenant.OrganizationId.ToString()));
        Assert.That(payload.Text("created_at"), Does.Not.StartWith("2001"));
    }

    [Test]
    public async Task Message_that_is_rolled_back_leaves_nothing()
    {
        Tenant tenant = await Tenant.CreateAsync();
        int broadcasts = (await tenant.ReadBroadcastsAsync()).Count;

        Assert.ThrowsAsync<InvalidOperationException>(() => tenant.Visitor.RunAsync<int>(async connection =>
        {
            await connection.ReadAsync<string>(
                "select public.campfire_send_message($1, $2, 'gone')::text", tenant.ConversationId, Guid.CreateVersion7());
            throw new InvalidOperationException();
        }));

        Assert.That(await tenant.ReadLogAsync(after: 1), Is.Empty);
        Assert.That(await tenant.ReadBroadcastsAsync(), Has.Count.EqualTo(broadcasts));
        JsonElement next = await tenant.SendAsync(tenant.Visitor, "next");
        Assert.That(next.Number("sequence"), Is.EqualTo(2));
    }

    [TestCase("")]
    [TestCase(" \t\r\n\u00a0\u200b\u3000")]
    public async Task Message_without_text_and_attachment_is_invalid(string content)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Visitor, content), "PT422", "campfire_invalid");
        await Refusal.AssertAsync(
            () => tenant.Visitor.ExecuteAsync(
                "insert into public.messages (id, conversation_id, content) values (gen_random_uuid(), $1, $2)",
                tenant.ConversationId, content),
            "PT422", "campfire_invalid");
        Assert.That(await tenant.ReadLogAsync(after: 1), Is.Empty);
    }

    [Test]
    public async Task Message_of_16000_characters_is_stored_and_one_more_is_invalid()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement stored = await tenant.SendAsync(tenant.Visitor, new string('ä', 16_000));

        Assert.That(stored.Text("content"), Has.Length.EqualTo(16_000));
        await Refusal.AssertAsync(
            () => tenant.SendAsync(tenant.Visitor, new string('x', 16_001)), "PT422", "campfire_invalid");
        await Refusal.AssertAsync(
            () => tenant.SendAsync(tenant.Visitor, new string('x', 1_000_000)), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Message_larger_than_a_broadcast_may_be_is_invalid_and_leaves_no_hole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        string wide = string.Concat(Enumerable.Repeat("👋", 15_500));

        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Visitor, wide), "PT422", "campfire_invalid");

        Assert.That((await tenant.SendAsync(tenant.Visitor, "small")).Number("sequence"), Is.EqualTo(2));
    }

    [TestCase("p_metadata => '[]'")]
    [TestCase("p_metadata => 'null'")]
    [TestCase("p_metadata => jsonb_build_object('x', repeat('y', 8192))")]
    [TestCase("p_attachments => '{}'")]
    [TestCase("p_attachments => '[1]'")]
    [TestCase("p_attachments => '[{\"file_name\":\"a\"}]'")]
    [TestCase("p_attachments => '[{\"id\":\"x\",\"file_name\":\"a\",\"content_type\":\"b\",\"size_bytes\":1,\"storage_path\":\"c\"}]'")]
    [TestCase("p_attachments => '[{\"file_name\":\"a\",\"content_type\":\"b\",\"size_bytes\":-1,\"storage_path\":\"c\"}]'")]
    [TestCase("p_attachments => (select jsonb_agg('{\"file_name\":\"a\",\"content_type\":\"b\",\"size_bytes\":1,\"storage_path\":\"c\"}'::jsonb) from generate_series(1, 11))")]
    [TestCase("p_sender => '{\"type\":\"agent\"}'")]
    public async Task Message_with_bad_extras_is_invalid(string namedArguments)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(
            () => tenant.SendAsync(tenant.Visitor, "hi", namedArguments), "PT422", "campfire_invalid");
        Assert.That(await tenant.ReadLogAsync(after: 1), Is.Empty);
    }

    [Test]
    public async Task Server_speaks_for_whom_it_states()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement system = await tenant.SendAsync(Caller.Service, "a");
        JsonElement ai = await tenant.SendAsync(
            Caller.Service, "b", """p_handler_epoch => 0, p_sender => '{"type":"ai","id":"bot","name":"Robo"}'""");
        JsonElement visitor = await tenant.SendAsync(Caller.Service, "c", """p_sender => '{"type":"visitor"}'""");
        JsonElement agent = await tenant.SendAsync(
            Caller.Service, "d", $$"""p_sender => '{"type":"agent","id":"{{tenant.AgentId}}"}'""");

        Assert.That(
            new[] { system, ai, visitor, agent }.Select(message =>
                $"{message.Text("sender_type")}/{message.Text("sender_id")}/{message.Text("sender_name")}"),
            Is.EqualTo(new[]
            {
                "system//", "ai/bot/Robo", $"visitor/{tenant.VisitorId}/{Tenant.VisitorName}",
                $"agent/{tenant.AgentId}/{Tenant.AgentName}",
            }));
        await Refusal.AssertAsync(
            () => tenant.SendAsync(Caller.Service, "e", """p_sender => '{"type":"king"}'"""), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Ai_with_a_spent_epoch_is_refused_after_a_human_took_over()
    {
        Tenant tenant = await Tenant.CreateAsync();
        const string epoch0 = """p_handler_epoch => 0, p_sender => '{"type":"ai","id":"bot"}'""";
        const string epoch1 = """p_handler_epoch => 1, p_sender => '{"type":"ai","id":"bot"}'""";
        await tenant.SendAsync(Caller.Service, "I can help", epoch0);

        await Caller.Service.ExecuteAsync(
            "update public.conversations set handler_type = 'human', handler_id = 'ann' where id = $1", tenant.ConversationId);

        await Refusal.AssertAsync(() => tenant.SendAsync(Caller.Service, "late", epoch0), "PT409", "campfire_stale_handler");
        await Refusal.AssertAsync(() => tenant.SendAsync(Caller.Service, "sly", epoch1), "PT409", "campfire_stale_handler");
        await Refusal.AssertAsync(
            () => tenant.SendAsync(Caller.Service, "none", """p_sender => '{"type":"ai"}'"""), "PT409", "campfire_stale_handler");
        Assert.That(
            await tenant.ReadLogNamesAsync(),
            Is.EqualTo(new[] { "1 conversation:created", "2 message:created", "3 conversation:updated" }));
    }

    [Test]
    public async Task Visitor_who_writes_again_reopens_the_conversation_before_the_message()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.ExecuteAsync("update public.conversations set status = 'closed' where id = $1", tenant.ConversationId);

        JsonElement stored = await tenant.SendAsync(tenant.Visitor, "one more thing");

        Assert.That(stored.Number("sequence"), Is.EqualTo(4));
        Assert.That(
            await tenant.ReadLogNamesAsync(),
            Is.EqualTo(new[] { "1 conversation:created", "2 conversation:closed", "3 conversation:reopened", "4 message:created" }));
        Assert.That(await StatusAsync(tenant), Is.EqualTo("open"));
    }

    [Test]
    public async Task Agent_who_writes_into_a_closed_conversation_leaves_it_closed()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.ExecuteAsync("update public.conversations set status = 'closed' where id = $1", tenant.ConversationId);

        await tenant.SendAsync(tenant.Agent, "for the record");

        Assert.That(await StatusAsync(tenant), Is.EqualTo("closed"));
    }

    [Test]
    public async Task Archived_conversation_takes_no_message()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.ExecuteAsync("update public.conversations set status = 'archived' where id = $1", tenant.ConversationId);

        foreach (Caller caller in new[] { tenant.Visitor, tenant.Agent, Caller.Service })
            await Refusal.AssertAsync(() => tenant.SendAsync(caller, "too late"), "PT422", "campfire_invalid");
        Assert.That(
            await tenant.ReadLogNamesAsync(), Is.EqualTo(new[] { "1 conversation:created", "2 conversation:archived" }));
    }

    private static Task<string> StatusAsync(Tenant tenant) =>
        Caller.Service.ReadAsync<string>("select status from public.realtime_conversations where id = $1", tenant.ConversationId);

    private static string Describe(Broadcast broadcast) =>
        $"{broadcast.Topic} {broadcast.Event} {broadcast.Payload.GetRawText()}";
}

using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class EditTests
{
    [Test]
    public async Task Edit_takes_the_next_sequence_and_reads_the_same_live_and_from_the_log()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = (await tenant.SendAsync(tenant.Visitor, "frist")).GetProperty("id").GetGuid();

        JsonElement edited = await tenant.Visitor.CallAsync("campfire_edit_message($1, 'first')", id);

        Assert.That(edited.Text("content"), Is.EqualTo("first"));
        Assert.That(edited.Number("sequence"), Is.EqualTo(2), "the message keeps its place");
        JsonElement entry = (await tenant.ReadLogAsync(after: 2)).Single();
        JsonElement payload = entry.GetProperty("payload");
        Assert.That(entry.Text("event"), Is.EqualTo("message:updated"));
        Assert.That(payload.Number("sequence"), Is.EqualTo(3));
        Assert.That(payload.GetProperty("id").GetGuid(), Is.EqualTo(id));
        Assert.That(payload.Text("content"), Is.EqualTo("first"));
        Assert.That(payload.Text("edited_at"), Does.EndWith("Z"));

        List<Broadcast> sent = [.. (await tenant.ReadBroadcastsAsync()).Where(broadcast =>
            broadcast.Event == "message:updated"
            || (broadcast.Event == "conversation:updated" && broadcast.Payload.Number("last_sequence") == 3))];
        Assert.That(
            sent.Select(broadcast => $"{broadcast.Topic} {broadcast.Event}"),
            Is.EquivalentTo(new[] { $"{tenant.ConversationTopic} message:updated", $"{tenant.OrganizationTopic} conversation:updated" }));
        Assert.That(sent.Single(broadcast => broadcast.Event == "message:updated").Payload.GetRawText(), Is.EqualTo(payload.GetRawText()));
        Assert.That(
            sent.Single(broadcast => broadcast.Event == "conversation:updated").Payload.Text("last_message_preview"), Is.EqualTo("first"));
    }

    [Test]
    public async Task Edit_of_an_older_message_leaves_the_preview()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = (await tenant.SendAsync(tenant.Visitor, "one")).GetProperty("id").GetGuid();
        await tenant.SendAsync(tenant.Agent, "two");

        await tenant.Visitor.CallAsync("campfire_edit_message($1, 'uno')", id);

        Assert.That(
            await tenant.Agent.ReadAsync<string>(
                "select last_message_preview from public.realtime_conversations where id = $1", tenant.ConversationId),
            Is.EqualTo("two"));
    }

    [Test]
    public async Task Edit_to_the_same_text_is_no_event()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = (await tenant.SendAsync(tenant.Visitor, "same")).GetProperty("id").GetGuid();

        await tenant.Visitor.CallAsync("campfire_edit_message($1, 'same')", id);

        Assert.That(await tenant.ReadLogNamesAsync(), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Delete_takes_away_what_the_message_said_everywhere()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = (await tenant.SendAsync(
            tenant.Visitor,
            "my password is swordfish",
            """p_attachments => '[{"file_name":"swordfish.png","content_type":"b","size_bytes":1,"storage_path":"c"}]', p_metadata => '{"a":"swordfish"}'"""))
            .GetProperty("id").GetGuid();
        await tenant.Visitor.CallAsync("campfire_edit_message($1, 'forget swordfish')", id);

        JsonElement deleted = await tenant.Visitor.CallAsync("campfire_delete_message($1)", id);
        await tenant.Visitor.CallAsync("campfire_delete_message($1)", id);

        Assert.That(deleted.Text("content"), Is.Empty);
        Assert.That(deleted.Text("deleted_at"), Does.EndWith("Z"));
        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[]
        {
            "1 conversation:created", "2 message:created", "3 message:updated", "4 message:deleted",
        }));
        Assert.That(
            (await tenant.ReadLogAsync(after: 3)).Single().GetProperty("payload").Keys(),
            Is.EqualTo(new[] { "conversation_id", "deleted_at", "id", "organization_id", "sequence" }));
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                """
                select line from (
                    select to_jsonb(t)::text as line from public.messages t where conversation_id = $1
                    union all select to_jsonb(t)::text from public.conversation_events t where conversation_id = $1
                    union all select to_jsonb(t)::text from public.message_attachments t where conversation_id = $1
                    union all select to_jsonb(t)::text from public.conversations t where id = $1
                    union all select to_jsonb(t)::text from public.realtime_conversations t where id = $1
                    union all select public.campfire_events($1)::text) everything
                where line like '%swordfish%'
                """,
                tenant.ConversationId),
            Is.Empty);
    }

    [TestCase("visitor", "agent", "PT403")]
    [TestCase("visitor", "visitor", "ok")]
    [TestCase("agent", "agent", "ok")]
    [TestCase("agent", "visitor", "PT403")]
    [TestCase("agent", "ai", "ok")]
    [TestCase("viewer", "agent", "PT403")]
    [TestCase("stranger", "visitor", "PT404")]
    [TestCase("other agent", "agent", "PT404")]
    [TestCase("anonymous", "visitor", "PT404")]
    [TestCase("service", "visitor", "ok")]
    public async Task Edit_is_for_the_author_and_members_but_nobody_edits_the_visitors_words(string who, string author, string outcome)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, author);
        Caller caller = await FindAsync(tenant, who);
        int before = (await tenant.ReadLogAsync()).Count;

        Assert.That(
            await Refusal.OutcomeAsync(() => caller.CallAsync("campfire_edit_message($1, 'changed')", id)), Is.EqualTo(outcome));
        Assert.That(await tenant.ReadLogAsync(), Has.Count.EqualTo(outcome == "ok" ? before + 1 : before));
    }

    [TestCase("visitor", "agent", "PT403")]
    [TestCase("visitor", "visitor", "ok")]
    [TestCase("agent", "visitor", "ok")]
    [TestCase("agent", "ai", "ok")]
    [TestCase("viewer", "agent", "PT403")]
    [TestCase("stranger", "visitor", "PT404")]
    [TestCase("other agent", "agent", "PT404")]
    [TestCase("service", "visitor", "ok")]
    public async Task Delete_is_for_the_author_and_members(string who, string author, string outcome)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, author);
        Caller caller = await FindAsync(tenant, who);
        int before = (await tenant.ReadLogAsync()).Count;

        Assert.That(await Refusal.OutcomeAsync(() => caller.CallAsync("campfire_delete_message($1)", id)), Is.EqualTo(outcome));
        Assert.That(await tenant.ReadLogAsync(), Has.Count.EqualTo(outcome == "ok" ? before + 1 : before));
    }

    [Test]
    public async Task Message_that_does_not_exist_is_not_found()
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (string call in new[] { "campfire_edit_message($1, 'x')", "campfire_delete_message($1)" })
            await Refusal.AssertAsync(() => tenant.Agent.CallAsync(call, Guid.NewGuid()), "PT404", "campfire_not_found");
    }

    [Test]
    public async Task Deleted_message_cannot_be_edited_or_brought_back()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "visitor");
        await tenant.Visitor.CallAsync("campfire_delete_message($1)", id);

        await Refusal.AssertAsync(() => tenant.Visitor.CallAsync("campfire_edit_message($1, 'x')", id), "PT409", "campfire_conflict");
        await Refusal.AssertAsync(
            () => Caller.Owner.ExecuteAsync("update public.messages set deleted_at = null, content = 'x' where id = $1", id),
            "PT409",
            "campfire_conflict");
    }

    [TestCase("")]
    [TestCase("   ")]
    [TestCase(null)]
    public async Task Edit_to_nothing_is_invalid(string? content)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "visitor");

        await Refusal.AssertAsync(() => tenant.Visitor.CallAsync("campfire_edit_message($1, $2::text)", id, content), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Edit_beyond_what_a_message_may_be_leaves_no_hole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "visitor");

        await Refusal.AssertAsync(
            () => tenant.Visitor.CallAsync("campfire_edit_message($1, $2)", id, new string('x', 16_001)), "PT422", "campfire_invalid");
        await Refusal.AssertAsync(
            () => tenant.Visitor.CallAsync("campfire_edit_message($1, $2)", id, new string('\u0001', 16_000)), "PT422", "campfire_invalid");
        await tenant.SendAsync(tenant.Visitor, "next");

        Assert.That((await tenant.ReadLogNamesAsync())[^1], Is.EqualTo("3 message:created"));
    }

    [TestCase("conversation_id = gen_random_uuid()")]
    [TestCase("sequence = 99")]
    [TestCase("sender_type = 'agent'")]
    [TestCase("created_at = now() - interval '1 day'")]
    [TestCase("organization_id = gen_random_uuid()")]
    [TestCase("attachments = '[{}]'")]
    public async Task Place_and_sender_of_a_message_are_fixed_even_for_the_owner(string change)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "visitor");

        await Refusal.AssertAsync(
            () => Caller.Owner.ExecuteAsync($"update public.messages set {change} where id = $1", id), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Plain_update_does_all_that_the_function_does()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "visitor");

        await Caller.Owner.ExecuteAsync("update public.messages set content = 'by hand' where id = $1", id);
        await Caller.Owner.ExecuteAsync("update public.messages set deleted_at = '-infinity' where id = $1", id);
        await Caller.Owner.ExecuteAsync("update public.messages set ai_metadata = '{}' where id = $1", id);

        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[]
        {
            "1 conversation:created", "2 message:created", "3 message:updated", "4 message:deleted",
        }));
    }

    [Test]
    public async Task Archived_conversation_lets_messages_be_deleted_but_not_edited()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "agent");
        await tenant.Agent.CallAsync("campfire_update_conversation($1, 'archived')", tenant.ConversationId);

        await Refusal.AssertAsync(() => tenant.Agent.CallAsync("campfire_edit_message($1, 'x')", id), "PT422", "campfire_invalid");
        await tenant.Agent.CallAsync("campfire_delete_message($1)", id);

        Assert.That((await tenant.ReadLogNamesAsync())[^1], Is.EqualTo("4 message:deleted"));
    }

    [Test]
    public async Task Ai_changes_its_messages_only_while_it_handles_the_conversation()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = await SendAsAsync(tenant, "ai");
        await Caller.Service.CallAsync("campfire_edit_message($1, 'better', 1)", id);
        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_edit_message($1, 'worse')", id), "PT409", "campfire_stale_handler");

        await tenant.Agent.CallAsync("campfire_claim($1)", tenant.ConversationId);

        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_edit_message($1, 'over the human', 1)", id), "PT409", "campfire_stale_handler");
        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_edit_message($1, 'over the human', 2)", id), "PT409", "campfire_stale_handler");
    }

    [Test]
    public async Task Edits_deletions_and_sends_at_the_same_time_leave_no_hole_and_no_deadlock()
    {
        Tenant tenant = await Tenant.CreateAsync();
        List<Guid> ids = [];
        for (int i = 0; i < 12; i++)
            ids.Add((await tenant.SendAsync(tenant.Visitor, $"message {i}")).GetProperty("id").GetGuid());

        await Task.WhenAll(Enumerable.Range(0, 12).Select(async writer =>
        {
            for (int i = 0; i < 6; i++)
            {
                Guid id = ids[(writer + i) % ids.Count];
                Func<Task> step = ((writer + i) % 4) switch
                {
                    0 => () => tenant.Visitor.CallAsync("campfire_edit_message($1, $2)", id, $"edit {writer} {i}"),
                    1 => () => tenant.Agent.CallAsync("campfire_delete_message($1)", id),
                    2 => () => tenant.SendAsync(tenant.Agent, $"more {writer} {i}"),
                    _ => () => tenant.Agent.CallAsync("campfire_update_conversation($1, null, $2)", tenant.ConversationId, i % 2 == 0 ? "high" : "low"),
                };
                Assert.That(await Refusal.OutcomeAsync(step), Is.EqualTo("ok").Or.EqualTo("PT409"));
            }
        }));

        List<JsonElement> log = await tenant.ReadLogAsync();
        Assert.That(
            log.Select(entry => entry.GetProperty("payload").Number("sequence")),
            Is.EqualTo(Enumerable.Range(1, log.Count).Select(number => (long)number)));
        Assert.That(
            await Caller.Owner.ReadAsync<long>("select last_sequence from public.conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(log.Count));
    }

    private static async Task<Guid> SendAsAsync(Tenant tenant, string author)
    {
        if (author == "ai")
            await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);
        JsonElement message = author switch
        {
            "visitor" => await tenant.SendAsync(tenant.Visitor, "hello"),
            "agent" => await tenant.SendAsync(tenant.Agent, "hello"),
            _ => await tenant.SendAsync(Caller.Service, "hello", """p_handler_epoch => 1, p_sender => '{"type":"ai","id":"bot"}'"""),
        };
        return message.GetProperty("id").GetGuid();
    }

    private static async Task<Caller> FindAsync(Tenant tenant, string who) => who switch
    {
        "visitor" => tenant.Visitor,
        "agent" => tenant.Agent,
        "viewer" => tenant.Viewer,
        "stranger" => await tenant.CreateOtherVisitorAsync(),
        "other agent" => (await Tenant.CreateAsync()).Agent,
        "service" => Caller.Service,
        _ => Caller.Anonymous,
    };
}

using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class HandlingTests
{
    [Test]
    public async Task Update_changes_what_is_stated_and_returns_the_conversation()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement conversation = await tenant.Agent.CallAsync(
            "campfire_update_conversation($1, p_priority => 'urgent', p_tags => array['vip', 'refund'])", tenant.ConversationId);
        await tenant.Agent.CallAsync("campfire_update_conversation($1)", tenant.ConversationId);

        Assert.That(conversation.Text("priority"), Is.EqualTo("urgent"));
        Assert.That(conversation.Text("status"), Is.EqualTo("open"));
        Assert.That(
            await tenant.Agent.ReadAsync<string[]>("select tags from public.conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(new[] { "vip", "refund" }));
        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[] { "1 conversation:created", "2 conversation:updated" }));
    }

    [TestCase("closed", "conversation:closed")]
    [TestCase("archived", "conversation:archived")]
    [TestCase("pending", "conversation:updated")]
    public async Task Status_becomes_its_event(string status, string expected)
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement conversation = await tenant.Agent.CallAsync("campfire_update_conversation($1, $2)", tenant.ConversationId, status);

        Assert.That(conversation.Text("status"), Is.EqualTo(status));
        Assert.That((await tenant.ReadLogNamesAsync())[^1], Is.EqualTo($"2 {expected}"));
    }

    [TestCase("p_status => 'gone'")]
    [TestCase("p_priority => 'critical'")]
    [TestCase("p_tags => array['']")]
    [TestCase("p_tags => array[null]")]
    [TestCase("p_tags => array[repeat('x', 51)]")]
    [TestCase("p_tags => array(select n::text from generate_series(1, 21) n)")]
    [TestCase("p_tags => array[['a'],['b']]")]
    public async Task Update_to_what_there_is_not_is_invalid(string argument)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(
            () => tenant.Agent.CallAsync($"campfire_update_conversation($1, {argument})", tenant.ConversationId), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Assign_makes_a_member_responsible_and_null_nobody()
    {
        Tenant tenant = await Tenant.CreateAsync();

        JsonElement assigned = await tenant.Agent.CallAsync("campfire_assign($1, $2)", tenant.ConversationId, tenant.AgentId);
        await tenant.Agent.CallAsync("campfire_assign($1, $2)", tenant.ConversationId, tenant.AgentId);
        JsonElement unassigned = await Caller.Service.CallAsync("campfire_assign($1)", tenant.ConversationId);

        Assert.That(assigned.Text("assigned_agent_id"), Is.EqualTo(tenant.AgentId.ToString()));
        Assert.That(assigned.Text("status"), Is.EqualTo("assigned"));
        Assert.That(unassigned.GetProperty("assigned_agent_id").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(unassigned.Text("status"), Is.EqualTo("open"));
        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[]
        {
            "1 conversation:created", "2 conversation:assigned", "3 conversation:unassigned",
        }));
    }

    [Test]
    public async Task Assign_to_a_stranger_or_a_viewer_is_invalid()
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (Guid agentId in new[] { Guid.NewGuid(), tenant.ViewerId, (await Tenant.CreateAsync()).AgentId })
            await Refusal.AssertAsync(
                () => tenant.Agent.CallAsync("campfire_assign($1, $2)", tenant.ConversationId, agentId), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Handover_is_requested_once_and_reaches_agents_and_visitor()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);

        JsonElement conversation = await Caller.Service.CallAsync(
            "campfire_request_handover($1, 'angry', 'Wants a refund')", tenant.ConversationId);
        await tenant.Visitor.CallAsync("campfire_request_handover($1, 'human please')", tenant.ConversationId);

        Assert.That(conversation.Text("status"), Is.EqualTo("pending"));
        Assert.That(conversation.Text("handler_type"), Is.EqualTo("ai"), "until somebody claims it");
        Assert.That(conversation.Text("handover_requested_at"), Does.EndWith("Z"));
        List<JsonElement> entries = await tenant.ReadLogAsync(after: 2);
        Assert.That(entries.Select(entry => entry.Text("event")), Is.EqualTo(new[] { "ai:handover:requested", "conversation:updated" }));
        JsonElement payload = entries[0].GetProperty("payload");
        Assert.That(payload.Text("reason"), Is.EqualTo("angry"));
        Assert.That(payload.Text("summary"), Is.EqualTo("Wants a refund"));
        Assert.That(payload.Text("conversation_id"), Is.EqualTo(tenant.ConversationId.ToString()));
        List<Broadcast> sent = [.. (await tenant.ReadBroadcastsAsync()).Where(broadcast => broadcast.Event == "ai:handover:requested")];
        Assert.That(
            sent.Select(broadcast => broadcast.Topic), Is.EquivalentTo(new[] { tenant.ConversationTopic, tenant.OrganizationTopic }));
        Assert.That(sent.Select(broadcast => broadcast.Payload.GetRawText()), Is.All.EqualTo(payload.GetRawText()));
    }

    [Test]
    public async Task Claim_of_a_human_completes_the_handover_and_silences_the_ai()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);
        await tenant.Visitor.CallAsync("campfire_request_handover($1)", tenant.ConversationId);

        JsonElement conversation = await tenant.Agent.CallAsync("campfire_claim($1, p_expected_epoch => 1)", tenant.ConversationId);

        Assert.That(conversation.Text("handler_type"), Is.EqualTo("human"));
        Assert.That(conversation.Text("handler_id"), Is.EqualTo(tenant.AgentId.ToString()));
        Assert.That(conversation.Text("assigned_agent_id"), Is.EqualTo(tenant.AgentId.ToString()));
        Assert.That(conversation.Number("handler_epoch"), Is.EqualTo(2));
        Assert.That(conversation.Text("status"), Is.EqualTo("assigned"));
        Assert.That(conversation.GetProperty("handover_requested_at").ValueKind, Is.EqualTo(JsonValueKind.Null));
        List<JsonElement> entries = await tenant.ReadLogAsync(after: 4);
        Assert.That(entries.Select(entry => entry.Text("event")), Is.EqualTo(new[] { "ai:handover:completed", "conversation:assigned" }));
        Assert.That(entries[0].GetProperty("payload").Text("handler_id"), Is.EqualTo(tenant.AgentId.ToString()));
        Assert.That(entries[0].GetProperty("payload").Number("handler_epoch"), Is.EqualTo(2));
        await Refusal.AssertAsync(
            () => tenant.SendAsync(Caller.Service, "late", """p_handler_epoch => 1, p_sender => '{"type":"ai","id":"bot"}'"""),
            "PT409",
            "campfire_stale_handler");
    }

    [Test]
    public async Task Conversation_given_back_lets_the_ai_answer_with_the_new_epoch()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.Agent.CallAsync("campfire_claim($1)", tenant.ConversationId);

        JsonElement back = await tenant.Agent.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);
        await tenant.SendAsync(Caller.Service, "I am back", """p_handler_epoch => 2, p_sender => '{"type":"ai","id":"bot"}'""");

        Assert.That(back.Number("handler_epoch"), Is.EqualTo(2));
        Assert.That(back.Text("handler_id"), Is.EqualTo("bot"));
    }

    [Test]
    public async Task Ai_does_not_take_the_conversation_from_a_human_until_it_is_released()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.Agent.CallAsync("campfire_claim($1)", tenant.ConversationId);

        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot', 1)", tenant.ConversationId), "PT409", "campfire_conflict");

        await Caller.Service.CallAsync("campfire_claim($1, 'none')", tenant.ConversationId);
        JsonElement taken = await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot', 2)", tenant.ConversationId);
        Assert.That(taken.Number("handler_epoch"), Is.EqualTo(3));
    }

    [Test]
    public async Task Ai_does_not_take_back_what_waits_for_a_human()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.Visitor.CallAsync("campfire_request_handover($1)", tenant.ConversationId);

        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId), "PT409", "campfire_conflict");

        JsonElement given = await tenant.Agent.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);
        Assert.That(given.Text("status"), Is.EqualTo("open"));
    }

    [Test]
    public async Task Of_two_claims_with_one_epoch_one_wins()
    {
        Tenant tenant = await Tenant.CreateAsync();

        string[] outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Refusal.OutcomeAsync(
            () => Caller.Service.CallAsync("campfire_claim($1, 'ai', $2, 0)", tenant.ConversationId, $"worker {worker}"))));

        Assert.That(outcomes.Count(outcome => outcome == "ok"), Is.EqualTo(1));
        Assert.That(outcomes.Where(outcome => outcome != "ok"), Is.All.EqualTo("PT409"));
        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[] { "1 conversation:created", "2 conversation:updated" }));
    }

    [Test]
    public async Task Claim_again_by_the_same_handler_spends_the_epoch()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);

        JsonElement again = await Caller.Service.CallAsync("campfire_claim($1, 'ai', 'bot')", tenant.ConversationId);

        Assert.That(again.Number("handler_epoch"), Is.EqualTo(2));
    }

    [TestCase("'robot'")]
    [TestCase("null")]
    [TestCase("'none', 'somebody'")]
    [TestCase("'human', '00000000-0000-0000-0000-000000000001'")]
    [TestCase("'human', 'Ann'")]
    [TestCase("'ai', repeat('x', 201)")]
    public async Task Claim_for_what_there_is_not_is_invalid(string arguments)
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (Caller caller in new[] { tenant.Agent, Caller.Service })
            await Refusal.AssertAsync(
                () => caller.CallAsync($"campfire_claim($1, {arguments})", tenant.ConversationId), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Server_claims_for_a_member_whom_it_names()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(() => Caller.Service.CallAsync("campfire_claim($1)", tenant.ConversationId), "PT422", "campfire_invalid");
        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_claim($1, 'human', $2)", tenant.ConversationId, tenant.ViewerId.ToString()),
            "PT422",
            "campfire_invalid");
        JsonElement claimed = await Caller.Service.CallAsync(
            "campfire_claim($1, 'human', $2)", tenant.ConversationId, tenant.AgentId.ToString());

        Assert.That(claimed.Text("assigned_agent_id"), Is.EqualTo(tenant.AgentId.ToString()));
    }

    [TestCase("campfire_assign($1)")]
    [TestCase("campfire_claim($1, 'none')")]
    [TestCase("campfire_request_handover($1)")]
    public async Task Archived_conversation_is_not_handled(string call)
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.Agent.CallAsync("campfire_update_conversation($1, 'archived')", tenant.ConversationId);

        await Refusal.AssertAsync(() => Caller.Service.CallAsync(call, tenant.ConversationId), "PT422", "campfire_invalid");
    }

    [TestCase("campfire_request_handover($1, repeat('x', 501))")]
    [TestCase("campfire_request_handover($1, null, repeat('x', 4001))")]
    public async Task Handover_with_a_novel_is_invalid(string call)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(() => tenant.Visitor.CallAsync(call, tenant.ConversationId), "PT422", "campfire_invalid");
    }
}

using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class ReadingTests
{
    [Test]
    public async Task Events_come_in_pages_after_the_cursor()
    {
        Tenant tenant = await CreateWithMessagesAsync(5);

        JsonElement first = await tenant.Visitor.CallAsync("campfire_events($1, 2, 3)", tenant.ConversationId);
        JsonElement last = await tenant.Visitor.CallAsync("campfire_events($1, 5, 3)", tenant.ConversationId);
        JsonElement none = await tenant.Visitor.CallAsync("campfire_events($1, 6)", tenant.ConversationId);

        Assert.That(Sequences(first), Is.EqualTo(new[] { 3, 4, 5 }));
        Assert.That(first.GetProperty("has_more").GetBoolean(), Is.True);
        Assert.That(first.Number("last_sequence"), Is.EqualTo(6));
        Assert.That(Sequences(last), Is.EqualTo(new[] { 6 }));
        Assert.That(last.GetProperty("has_more").GetBoolean(), Is.False);
        Assert.That(Sequences(none), Is.Empty);
        Assert.That(none.Number("last_sequence"), Is.EqualTo(6));
    }

    [Test]
    public async Task Messages_come_in_pages_newest_first()
    {
        Tenant tenant = await CreateWithMessagesAsync(4);

        JsonElement first = await tenant.Agent.CallAsync("campfire_messages($1, null, 3)", tenant.ConversationId);
        JsonElement last = await tenant.Agent.CallAsync("campfire_messages($1, 3, 3)", tenant.ConversationId);

        Assert.That(first.GetProperty("messages").EnumerateArray().Select(message => message.Number("sequence")), Is.EqualTo(new[] { 5, 4, 3 }));
        Assert.That(first.GetProperty("has_more").GetBoolean(), Is.True);
        Assert.That(last.GetProperty("messages").EnumerateArray().Select(message => message.Number("sequence")), Is.EqualTo(new[] { 2 }));
        Assert.That(last.GetProperty("has_more").GetBoolean(), Is.False);
    }

    [TestCase("campfire_events($1, 0, 0)")]
    [TestCase("campfire_events($1, 0, 501)")]
    [TestCase("campfire_events($1, 0, null)")]
    [TestCase("campfire_messages($1, null, 201)")]
    [TestCase("campfire_messages($1, null, -1)")]
    public async Task Limit_out_of_range_is_invalid(string call)
    {
        Tenant tenant = await Tenant.CreateAsync();

        await Refusal.AssertAsync(() => tenant.Visitor.CallAsync(call, tenant.ConversationId), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Conversations_come_newest_first_and_none_is_skipped_between_pages()
    {
        Tenant tenant = await Tenant.CreateAsync();
        // In one transaction and without a change between, many rows bear equal times.
        await Caller.Owner.RunAsync(async connection =>
        {
            await connection.ExecuteAsync(
                """
                insert into public.conversations (organization_id, visitor_id, status)
                select $1, gen_random_uuid(), case when n % 3 = 0 then 'pending' when n % 3 = 1 then 'closed' else 'open' end::campfire.conversation_status
                from generate_series(1, 20) n
                """,
                tenant.OrganizationId);
            return await connection.ExecuteAsync(
                "update public.realtime_conversations set updated_at = '2026-01-01' where organization_id = $1", tenant.OrganizationId);
        });

        List<string> seen = [];
        string? before = null;
        Guid? beforeId = null;
        JsonElement page;
        do
        {
            page = await tenant.Agent.CallAsync(
                "campfire_conversations($1, p_before => $2::text::timestamptz, p_before_id => $3::uuid, p_limit => 6)",
                tenant.OrganizationId, before, beforeId);
            foreach (JsonElement conversation in page.GetProperty("conversations").EnumerateArray())
            {
                seen.Add(conversation.Text("id")!);
                before = conversation.Text("updated_at");
                beforeId = conversation.GetProperty("id").GetGuid();
            }
        }
        while (page.GetProperty("has_more").GetBoolean());

        Assert.That(seen, Has.Count.EqualTo(21));
        Assert.That(seen, Is.Unique);
        Assert.That(seen, Is.Ordered.Descending);
        Assert.That(page.Text("server_time"), Does.EndWith("Z"));
    }

    [Test]
    public async Task Conversations_are_filtered_by_status_and_time()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Caller second = await tenant.CreateOtherVisitorAsync();
        await Caller.Service.ExecuteAsync("update public.conversations set status = 'closed' where id = $1", tenant.ConversationId);
        JsonElement all = await tenant.Viewer.CallAsync("campfire_conversations($1)", tenant.OrganizationId);

        JsonElement closed = await tenant.Agent.CallAsync("campfire_conversations($1, 'closed')", tenant.OrganizationId);
        JsonElement changed = await tenant.Agent.CallAsync(
            "campfire_conversations($1, p_updated_after => $2::text::timestamptz)",
            tenant.OrganizationId, all.GetProperty("conversations")[1].Text("updated_at"));

        Assert.That(second, Is.Not.Null);
        Assert.That(all.GetProperty("conversations").GetArrayLength(), Is.EqualTo(2));
        Assert.That(all.GetProperty("conversations")[0].Text("id"), Is.EqualTo(tenant.ConversationId.ToString()));
        Assert.That(closed.GetProperty("conversations").GetArrayLength(), Is.EqualTo(1));
        Assert.That(changed.GetProperty("conversations").GetArrayLength(), Is.EqualTo(1));
        await Refusal.AssertAsync(
            () => tenant.Agent.CallAsync("campfire_conversations($1, 'lost')", tenant.OrganizationId), "PT422", "campfire_invalid");
    }

    [Test]
    public async Task Mark_raises_the_watermarks_and_never_lowers_them()
    {
        Tenant tenant = await CreateWithMessagesAsync(3);

        JsonElement delivered = await tenant.Visitor.CallAsync("campfire_mark($1, 4, 2)", tenant.ConversationId);
        JsonElement lower = await tenant.Visitor.CallAsync("campfire_mark($1, 1, 1)", tenant.ConversationId);
        JsonElement beyond = await tenant.Visitor.CallAsync("campfire_mark($1, null, 999)", tenant.ConversationId);

        Assert.That(delivered.Keys(), Is.EqualTo(new[]
        {
            "conversation_id", "delivered_through", "participant_id", "participant_type", "read_through", "updated_at",
        }));
        Assert.That(delivered.Text("participant_type"), Is.EqualTo("visitor"));
        Assert.That(delivered.Text("participant_id"), Is.EqualTo(tenant.VisitorId.ToString()));
        Assert.That(Watermarks(delivered), Is.EqualTo((4, 2)));
        Assert.That(lower.GetRawText(), Is.EqualTo(delivered.GetRawText()));
        Assert.That(Watermarks(beyond), Is.EqualTo((4, 4)));
    }

    [Test]
    public async Task Mark_is_broadcast_only_when_a_watermark_rose()
    {
        Tenant tenant = await CreateWithMessagesAsync(3);

        await tenant.Agent.CallAsync("campfire_mark($1)", tenant.ConversationId);
        await tenant.Agent.CallAsync("campfire_mark($1, 3)", tenant.ConversationId);
        await tenant.Agent.CallAsync("campfire_mark($1, 3)", tenant.ConversationId);
        await tenant.Agent.CallAsync("campfire_mark($1, 2, 2)", tenant.ConversationId);

        List<Broadcast> receipts = [.. (await tenant.ReadBroadcastsAsync()).Where(broadcast => broadcast.Event == "read:receipt")];
        Assert.That(receipts.Select(receipt => Watermarks(receipt.Payload)), Is.EquivalentTo(new[] { (3, 0), (3, 2) }));
        Assert.That(receipts.Select(receipt => receipt.Topic), Is.All.EqualTo(tenant.ConversationTopic));
        Assert.That(receipts.Select(receipt => receipt.Payload.Text("participant_type")), Is.All.EqualTo("agent"));
    }

    [Test]
    public async Task Widget_key_is_found_by_the_server()
    {
        Tenant tenant = await Tenant.CreateAsync();
        string key = $"wk_{Guid.NewGuid():N}";
        await Caller.Service.ExecuteAsync(
            "insert into public.widget_keys (organization_id, public_key, allowed_origins) values ($1, $2, '{https://example.com}')",
            tenant.OrganizationId, key);

        JsonElement found = await Caller.Service.CallAsync("campfire_find_widget_key($1)", key);

        Assert.That(found.Keys(), Is.EqualTo(new[] { "allowed_origins", "is_enabled", "organization_id" }));
        Assert.That(found.Text("organization_id"), Is.EqualTo(tenant.OrganizationId.ToString()));
        Assert.That(found.GetProperty("allowed_origins")[0].GetString(), Is.EqualTo("https://example.com"));
        Assert.That(found.GetProperty("is_enabled").GetBoolean(), Is.True);
        await Refusal.AssertAsync(
            () => Caller.Service.CallAsync("campfire_find_widget_key($1)", key + "x"), "PT404", "campfire_not_found");
    }

    private static (long Delivered, long Read) Watermarks(JsonElement receipt) =>
        (receipt.Number("delivered_through"), receipt.Number("read_through"));

    private static long[] Sequences(JsonElement page) =>
        [.. page.GetProperty("events").EnumerateArray().Select(entry => entry.GetProperty("payload").Number("sequence"))];

    private static async Task<Tenant> CreateWithMessagesAsync(int count)
    {
        Tenant tenant = await Tenant.CreateAsync();
        for (int number = 0; number < count; number++)
            await tenant.SendAsync(tenant.Visitor, $"message {number}");
        return tenant;
    }
}

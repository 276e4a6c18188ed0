using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class RepeatedSendTests
{
    [Test]
    public async Task Send_repeated_returns_the_stored_message_and_stores_no_other()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        JsonElement first = await tenant.SendAsync(tenant.Visitor, "once", id);
        await tenant.SendAsync(tenant.Agent, "between");
        int broadcasts = (await tenant.ReadBroadcastsAsync()).Count;

        JsonElement second = await tenant.SendAsync(tenant.Visitor, "once", id);

        Assert.That(second.GetRawText(), Is.EqualTo(first.GetRawText()));
        Assert.That(await tenant.ReadLogAsync(after: 1), Has.Count.EqualTo(2));
        Assert.That(await tenant.ReadBroadcastsAsync(), Has.Count.EqualTo(broadcasts));
    }

    [TestCase("archived")]
    [TestCase("closed")]
    public async Task Send_repeated_after_the_conversation_ended_returns_the_stored_message_and_changes_nothing(string status)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        JsonElement first = await tenant.SendAsync(tenant.Visitor, "once", id);
        await tenant.Agent.CallAsync("campfire_update_conversation($1, $2)", tenant.ConversationId, status);

        JsonElement second = await tenant.SendAsync(tenant.Visitor, "once", id);

        Assert.That(second.GetRawText(), Is.EqualTo(first.GetRawText()));
        Assert.That(
            await Caller.Service.ReadAsync<string>("select status::text from public.conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(status));
    }

    [Test]
    public async Task Send_repeated_at_the_same_time_stores_one_message_and_leaves_no_hole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();

        (JsonElement first, JsonElement second) = await Race.RunAsync(
            tenant.Visitor, "campfire_send_message($1, $2, 'once')", tenant.ConversationId, id);

        Assert.That(second.GetRawText(), Is.EqualTo(first.GetRawText()));
        await tenant.SendAsync(tenant.Visitor, "next");
        Assert.That(
            await tenant.ReadLogNamesAsync(),
            Is.EqualTo(new[] { "1 conversation:created", "2 message:created", "3 message:created" }));
    }

    [Test]
    public async Task Send_with_a_used_id_is_a_conflict()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Tenant other = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        await tenant.SendAsync(tenant.Visitor, "first", id);

        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Visitor, "other text", id), "PT409", "campfire_conflict");
        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Agent, "first", id), "PT409", "campfire_conflict");
        await Refusal.AssertAsync(() => other.SendAsync(other.Visitor, "first", id), "PT409", "campfire_conflict");
        Assert.That(await tenant.ReadLogAsync(after: 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Send_with_a_used_id_tells_a_stranger_nothing()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Tenant stranger = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        await tenant.SendAsync(tenant.Visitor, "secret", id);

        await Refusal.AssertAsync(() => tenant.SendAsync(stranger.Visitor, "secret", id), "PT404", "campfire_not_found");
    }

    [Test]
    public async Task Repeated_send_of_a_server_is_recognised()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        const string asVisitor = """p_sender => '{"type":"visitor"}'""";

        JsonElement first = await tenant.SendAsync(Caller.Service, "hi", asVisitor, id);
        JsonElement second = await tenant.SendAsync(Caller.Service, "hi", asVisitor, id);

        Assert.That(second.GetRawText(), Is.EqualTo(first.GetRawText()));
    }
}

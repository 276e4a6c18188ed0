using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

// What docs/security-matrix.md, which is checked in Matrix, has no cell for.
public sealed class AccessTests
{
    private const string Denied = "42501";

    // TRUNCATE asks no policy.
    [Test]
    public async Task Nobody_but_the_owner_truncates([Values("anon", "authenticated", "service_role")] string role)
    {
        Caller caller = new(role, "");

        foreach (string table in new[] { "messages", "conversations", "conversation_events", "realtime_conversations" })
            await Refusal.AssertAsync(() => caller.ExecuteAsync($"truncate public.{table} cascade"), Denied);
    }

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
        Tenant tenant = await Tenant.CreateAsync();
        await Caller.Service.ExecuteAsync("delete from public.organization_members where user_id = $1", tenant.AgentId);

        await Refusal.AssertAsync(() => tenant.SendAsync(tenant.Agent, "still here"), "PT404", "campfire_not_found");
        Assert.That(await tenant.Agent.ReadAsync<long>("select count(*) from public.messages"), Is.Zero);
    }
}

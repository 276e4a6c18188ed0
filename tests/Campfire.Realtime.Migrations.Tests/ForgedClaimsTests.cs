using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class ForgedClaimsTests
{
    private static readonly string[] _claims =
    [
        "",
        "not json",
        "null",
        "[]",
        "\"text\"",
        "42",
        "{}",
        """{"sub":null}""",
        """{"sub":"{agent}' or '1'='1"}""",
        """{"sub":["{agent}"]}""",
        """{"sub":{"id":"{agent}"}}""",
        """{"sub":"{agent}\n"}""",
        """{"sub":" {agent}"}""",
        """{"sub":"\u0000"}""",
        """{"sub":"{visitor}"}""",
        """{"sub":"{visitor}","campfire":"visitor"}""",
        """{"sub":"{visitor}","campfire":[]}""",
        """{"sub":"{visitor}","campfire":null}""",
        """{"sub":"{visitor}","campfire":{"kind":"visitor"}}""",
        """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}"}}""",
        """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":null}}""",
        """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{org}","conv":["{conv}"]}}""",
        """{"sub":"{visitor}","campfire":{"kind":"visitor","org":"{other}","conv":"{conv}"}}""",
        """{"sub":"{visitor}","campfire":{"kind":"agent","org":"{org}","conv":"{conv}"}}""",
        """{"sub":"{visitor}","campfire":{"kind":["visitor"],"org":"{org}","conv":"{conv}"}}""",
        """{"sub":"{other}","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        """{"sub":"'; drop table public.messages; --","campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        """{"campfire":{"kind":"visitor","org":"{org}","conv":"{conv}"}}""",
        "{deep}",
    ];

    private static readonly string[] _roles = ["anon", "authenticated"];

    [Test]
    public async Task Forged_claims_are_nobody(
        [ValueSource(nameof(_claims))] string claims, [ValueSource(nameof(_roles))] string role)
    {
        Tenant tenant = await Tenant.CreateAsync();
        Caller forger = new(role, claims
            .Replace("{deep}", new string('[', 20_000), StringComparison.Ordinal)
            .Replace("{agent}", tenant.AgentId.ToString(), StringComparison.Ordinal)
            .Replace("{visitor}", tenant.VisitorId.ToString(), StringComparison.Ordinal)
            .Replace("{org}", tenant.OrganizationId.ToString(), StringComparison.Ordinal)
            .Replace("{conv}", tenant.ConversationId.ToString(), StringComparison.Ordinal)
            .Replace("{other}", Guid.NewGuid().ToString(), StringComparison.Ordinal));

        await Refusal.AssertAsync(() => tenant.SendAsync(forger, "forged"), "PT404", "campfire_not_found");
        await Refusal.AssertAsync(
            () => forger.CallAsync("campfire_events($1)", tenant.ConversationId), "PT404", "campfire_not_found");
        Assert.That(await forger.ReadAsync<long>("select count(*) from public.messages"), Is.Zero);
        Assert.That(await forger.ReadAsync<long>("select count(*) from public.realtime_conversations"), Is.Zero);
        foreach (string topic in new[] { tenant.OrganizationTopic, tenant.ConversationTopic, tenant.ConversationTopic + ":typing" })
            Assert.That(await RealtimeProbe.RunAsync(forger, topic), Is.EqualTo("---"));
    }

    // A user's token that also claims to be the visitor gains nothing, nor does a visitor's with a member's id.
    [Test]
    public async Task Claims_count_only_under_the_role_they_belong_to()
    {
        Tenant tenant = await Tenant.CreateAsync();

        foreach (Caller forger in new[]
        {
            tenant.Visitor with { Role = "authenticated" },
            tenant.Agent with { Role = "anon" },
            Caller.Visitor(tenant.OrganizationId, tenant.ConversationId, tenant.AgentId),
            Caller.Service with { Role = "anon" },
            Caller.Service with { Role = "authenticated" },
        })
            await Refusal.AssertAsync(() => tenant.SendAsync(forger, "forged"), "PT404", "campfire_not_found");
    }
}

using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

// What the policies say to other topics than those of the naming standard: (r)eceive, (b)roadcast, (p)resence.
public sealed class RealtimePolicyTests
{
    private static readonly string[] _actors = ["anonymous", "visitor", "otherVisitor", "agent", "viewer", "stranger"];

    [TestCase("")]
    [TestCase("org:{org}")]
    [TestCase("bcast:")]
    [TestCase("bcast:org:")]
    [TestCase("bcast:org:{org}:")]
    [TestCase("bcast:org:{org}\n")]
    [TestCase("bcast:org:{ORG}")]
    [TestCase("bcast:org:{org}:unknown")]
    [TestCase("bcast:org:{org}:conv")]
    [TestCase("bcast:org:{org}:conv:")]
    [TestCase("bcast:org:{org}:conv:{CONV}")]
    [TestCase("bcast:org:{org}:conv:{other}")]
    [TestCase("bcast:org:{org}:conv:{conv}:")]
    [TestCase("bcast:org:{org}:conv:{conv}:other")]
    [TestCase("bcast:org:{org}:conv:{conv}:typing:typing")]
    [TestCase("bcast:org:{org}:conv:{conv}:typing\n")]
    [TestCase("bcast:org:{other}:conv:{conv}")]
    [TestCase("bcast:org:{other}:conv:{conv}:typing")]
    [TestCase("bcast:org:{org}:user:{other}")]
    [TestCase("bcast:org:{other}:widget:visitor:{visitor}")]
    [TestCase("bcast:system:secrets")]
    [TestCase("bcast:org:' or true --")]
    [TestCase("bcast:org:{org}:conv:{conv}:typing bcast:org:{org}:conv:{conv}")]
    public async Task Topic_outside_the_standard_admits_nobody(string topic) =>
        Assert.That(await ProbeAllAsync(topic), Is.EqualTo(Describe(Enumerable.Repeat("---", _actors.Length))));

    [Test]
    public async Task Conversation_of_another_organization_is_not_reached_through_ones_own()
    {
        Tenant mine = await Tenant.CreateAsync();
        Tenant theirs = await Tenant.CreateAsync();

        Assert.That(
            await RealtimeProbe.RunAsync(mine.Agent, $"{mine.OrganizationTopic}:conv:{theirs.ConversationId}:typing"),
            Is.EqualTo("---"));
    }

    [Test]
    public async Task Personal_topic_in_an_organization_is_for_its_members()
    {
        Tenant mine = await Tenant.CreateAsync();
        Tenant theirs = await Tenant.CreateAsync();

        Assert.That(
            await RealtimeProbe.RunAsync(theirs.Agent, $"{mine.OrganizationTopic}:user:{theirs.AgentId}"), Is.EqualTo("---"));
    }

    private static string Describe(IEnumerable<string> rights) =>
        string.Join(", ", _actors.Zip(rights, (actor, right) => $"{actor}: {right}"));

    private static async Task<string> ProbeAllAsync(string template)
    {
        Tenant tenant = await Tenant.CreateAsync();
        string topic = template
            .Replace("{org}", tenant.OrganizationId.ToString(), StringComparison.Ordinal)
            .Replace("{ORG}", tenant.OrganizationId.ToString().ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{conv}", tenant.ConversationId.ToString(), StringComparison.Ordinal)
            .Replace("{CONV}", tenant.ConversationId.ToString().ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{agent}", tenant.AgentId.ToString(), StringComparison.Ordinal)
            .Replace("{visitor}", tenant.VisitorId.ToString(), StringComparison.Ordinal)
            .Replace("{other}", Guid.NewGuid().ToString(), StringComparison.Ordinal);
        Caller[] actors =
        [
            Caller.Anonymous, tenant.Visitor, await tenant.CreateOtherVisitorAsync(), tenant.Agent, tenant.Viewer,
            (await Tenant.CreateAsync()).Agent,
        ];
        List<string> rights = [];
        foreach (Caller actor in actors)
            rights.Add(await RealtimeProbe.RunAsync(actor, topic));
        return Describe(rights);
    }
}

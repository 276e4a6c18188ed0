using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;
using static Campfire.Realtime.Tests.Conversations.DeskClients;

namespace Campfire.Realtime.Tests.Conversations;

[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class AccessTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [Test]
    public async Task Foreign_conversation_is_not_found_for_visitor_and_agent()
    {
        SupportDesk own = await SupportDesk.CreateAsync(Emulator);
        SupportDesk foreign = await SupportDesk.CreateAsync(Emulator);
        foreach (string token in new[] { own.VisitorToken, own.AgentToken })
        {
            await using CampfireClient client = await ConnectAsync(Emulator, token);
            CampfireException? refused = Assert.ThrowsAsync<CampfireException>(() => client.JoinAsync(foreign));
            Assert.That(refused!.Code, Is.EqualTo(CampfireErrorCode.NotFound));
        }
    }

    [Test]
    public async Task Visitor_cannot_join_the_channels_of_the_organization()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(Emulator);
        await using CampfireClient visitor = await ConnectAsync(Emulator, desk.VisitorToken);
        ChannelName[] names =
        [
            ChannelName.Organization(desk.OrganizationId), ChannelName.Conversations(desk.OrganizationId), ChannelName.AgentsPresence(desk.OrganizationId),
            ChannelName.Notifications(desk.OrganizationId), ChannelName.User(desk.OrganizationId, desk.AgentId), ChannelName.SystemHealth,
        ];
        foreach (ChannelName name in names)
        {
            CampfireException? refused = Assert.ThrowsAsync<CampfireException>(() => visitor.JoinChannelAsync(name).WaitAsync(Deadline));
            Assert.That((refused!.Code, refused.IsTransient), Is.EqualTo((CampfireErrorCode.AccessDenied, false)), name.Value);
        }
    }

    [Test]
    public async Task Inbox_of_a_stranger_is_refused()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(Emulator);
        SupportDesk other = await SupportDesk.CreateAsync(Emulator);
        await using CampfireClient agent = await ConnectAsync(Emulator, desk.AgentToken);

        CampfireException? refused = Assert.ThrowsAsync<CampfireException>(() => agent.JoinInboxAsync(other.OrganizationId).WaitAsync(Deadline));

        Assert.That(refused!.Code, Is.EqualTo(CampfireErrorCode.AccessDenied).Or.EqualTo(CampfireErrorCode.NotFound));
    }

    [Test]
    public void Wrong_api_key_ends_the_first_connect_with_the_servers_reason()
    {
        var client = new CampfireClient(new CampfireClientOptions { Url = Emulator.Url, ApiKey = "wrong" });

        CampfireException? refused = Assert.ThrowsAsync<CampfireException>(() => client.ConnectAsync().WaitAsync(Deadline));

        Assert.That((refused!.Code, refused.ServerReason), Is.EqualTo((CampfireErrorCode.InvalidApiKey, "The token provided is not a valid JWT")));
        Assert.That(client.Status.State, Is.EqualTo(CampfireConnectionState.Disconnected));
        CampfireException? join = Assert.ThrowsAsync<CampfireException>(() => client.JoinInboxAsync(Guid.NewGuid()).WaitAsync(Deadline));
        Assert.That(join!.Code, Is.EqualTo(CampfireErrorCode.InvalidApiKey), "a join says why there is no connection");
    }

    [Test]
    public void Join_before_the_connect_names_what_to_call()
    {
        var client = new CampfireClient(new CampfireClientOptions { Url = Emulator.Url, ApiKey = Emulator.AnonKey });

        InvalidOperationException? refused = Assert.ThrowsAsync<InvalidOperationException>(() => client.JoinInboxAsync(Guid.NewGuid()));

        Assert.That(refused!.Message, Does.Contain("ConnectAsync"));
    }

    [Test]
    public async Task Expired_token_that_is_never_renewed_ends_the_join_with_the_reason()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(Emulator);
        string expired = Emulator.CreateToken(new JsonObject
        {
            ["role"] = "authenticated",
            ["sub"] = desk.AgentId.ToString(),
            ["exp"] = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeSeconds(),
        });
        await using CampfireClient client = await ConnectAsync(Emulator, expired);

        CampfireException? rpc = Assert.ThrowsAsync<CampfireException>(() => client.JoinAsync(desk));
        CampfireException? channel = Assert.ThrowsAsync<CampfireException>(() => client.JoinChannelAsync(ChannelName.Organization(desk.OrganizationId)).WaitAsync(Deadline));

        Assert.That((rpc!.Code, channel!.Code), Is.EqualTo((CampfireErrorCode.InvalidToken, CampfireErrorCode.InvalidToken)));
    }

    [Test]
    public async Task Token_that_expires_is_replaced_and_nothing_is_lost()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(Emulator);
        int asked = 0;
        await using CampfireClient agent = await ConnectAsync(Emulator, desk.AgentToken, options => options.AccessToken = _ =>
        {
            Interlocked.Increment(ref asked);
            return ValueTask.FromResult(Emulator.CreateAgentToken(desk.AgentId, TimeSpan.FromSeconds(4)));
        });
        await using Conversation agentSide = await agent.JoinAsync(desk);
        await using CampfireClient visitor = await ConnectAsync(Emulator, desk.VisitorToken);
        await using Conversation visitorSide = await visitor.JoinAsync(desk);
        int before = asked;
        string[] contents = [.. Enumerable.Range(0, 7).Select(i => $"{i}")];
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        foreach (string content in contents)
        {
            await second.WaitForNextTickAsync();
            await visitorSide.SendMessageAsync(content);
        }

        AssertOnceAndInOrder(await agentSide.ReadMessagesAsync(7), contents);
        Assert.That(asked, Is.GreaterThan(before));
    }
}

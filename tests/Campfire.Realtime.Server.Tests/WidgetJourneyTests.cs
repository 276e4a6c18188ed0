using System.Text.Json.Nodes;
using Campfire.Realtime.Server.Tests.Support;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetJourneyTests
{
    [Test]
    public async Task What_auth_answers_is_enough_to_join_the_channels_and_hear_the_messages()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        JsonNode auth = (await server.PostAsync("auth", new { widgetKey = await Seed.WidgetKeyAsync() })).Json;
        string token = auth["accessToken"]!.GetValue<string>();
        await using PlainSocket visitor = await Listener.JoinAsync(token, auth["channels"]!["conversation"]!.GetValue<string>());
        await using PlainSocket typist = await Listener.JoinAsync(token, auth["channels"]!["typing"]!.GetValue<string>());

        Reply sent = await server.PostAsync("messages", new { content = "Is anybody there?" }, token);

        JsonNode heard = await visitor.BroadcastAsync("message:created");
        Assert.That(heard["id"]!.GetValue<Guid>(), Is.EqualTo(sent.Json["id"]!.GetValue<Guid>()));
        Assert.That(heard["sequence"]!.GetValue<long>(), Is.EqualTo(sent.Json["sequence"]!.GetValue<long>()));
    }

    [Test]
    public async Task The_token_does_not_open_another_visitors_conversation()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        string widgetKey = await Seed.WidgetKeyAsync();
        Session victim = await server.OpenSessionAsync(widgetKey);
        Session thief = await server.OpenSessionAsync(widgetKey);

        JsonNode reply = await Listener.TryJoinAsync(thief.Token, $"org:{victim.OrganizationId}:conv:{victim.ConversationId}");

        Assert.That(reply["status"]!.GetValue<string>(), Is.EqualTo("error"));
    }

    [Test]
    public async Task Opaque_keys_do_everything_that_token_keys_do()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(options =>
        {
            options.ApiKey = ServerTestsSetUp.Emulator.PublishableKey;
            options.ServiceKey = ServerTestsSetUp.Emulator.SecretKey;
        });
        Guid organizationId = await Seed.OrganizationAsync();
        Session session = await server.OpenSessionAsync(await Seed.WidgetKeyAsync(organizationId));
        await using PlainSocket agent = await Listener.JoinAsync(
            await Seed.AgentTokenAsync(organizationId), $"org:{organizationId}:conv:{session.ConversationId}:typing");

        Reply sent = await server.PostAsync("messages", new { content = "hello" }, session.Token);
        Reply typing = await server.PostAsync("typing", new { isTyping = true }, session.Token);

        Assert.That(sent.Status, Is.EqualTo(201), sent.Text);
        Assert.That(typing.Status, Is.EqualTo(204), typing.Text);
        await agent.BroadcastAsync("typing:start");
    }

    [Test]
    public async Task Reading_tells_the_agent()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        Guid organizationId = await Seed.OrganizationAsync();
        Session session = await server.OpenSessionAsync(await Seed.WidgetKeyAsync(organizationId));
        await using PlainSocket agent = await Listener.JoinAsync(
            await Seed.AgentTokenAsync(organizationId), $"org:{organizationId}:conv:{session.ConversationId}");

        await server.PostAsync("read", new { readThrough = 1 }, session.Token);

        JsonNode receipt = await agent.BroadcastAsync("read:receipt");
        Assert.That(receipt["participant_id"]!.GetValue<Guid>(), Is.EqualTo(session.VisitorId));
        Assert.That(receipt["read_through"]!.GetValue<long>(), Is.EqualTo(1));
    }
}

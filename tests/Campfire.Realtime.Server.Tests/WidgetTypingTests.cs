using System.Text.Json.Nodes;
using Campfire.Realtime.Server.Tests.Support;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetTypingTests
{
    private WidgetServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await WidgetServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(true, "typing:start")]
    [TestCase(false, "typing:stop")]
    public async Task Typing_reaches_the_agent_on_the_typing_channel(bool isTyping, string eventName)
    {
        Guid organizationId = await Seed.OrganizationAsync();
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync(organizationId));
        await using PlainSocket agent = await Listener.JoinAsync(
            await Seed.AgentTokenAsync(organizationId), $"org:{organizationId}:conv:{session.ConversationId}:typing");

        Reply reply = await _server.PostAsync("typing", new { isTyping, name = "Ada 👩" }, session.Token);

        Assert.That(reply.Status, Is.EqualTo(204), reply.Text);
        JsonNode notice = await agent.BroadcastAsync(eventName);
        Assert.That(notice["conversation_id"]!.GetValue<Guid>(), Is.EqualTo(session.ConversationId));
        Assert.That(notice["sender_type"]!.GetValue<string>(), Is.EqualTo("visitor"));
        Assert.That(notice["sender_id"]!.GetValue<Guid>(), Is.EqualTo(session.VisitorId));
        Assert.That(notice["sender_name"]!.GetValue<string>(), Is.EqualTo("Ada 👩"));
    }

    [TestCase("{}", 400, "campfire_malformed", "isTyping")]
    [TestCase("""{"isTyping":null}""", 400, "campfire_malformed", "isTyping")]
    [TestCase("""{"isTyping":"true"}""", 400, "campfire_malformed", "isTyping")]
    [TestCase("""{"isTyping":true,"name":7}""", 400, "campfire_malformed", "name")]
    public async Task Typing_with_a_wrong_field_is_refused(string body, int status, string code, string detail)
    {
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());

        (await _server.PostTextAsync("typing", body, session.Token)).AssertProblem(status, code, detail);
    }

    [Test]
    public async Task Typing_with_a_name_that_is_too_long_is_refused()
    {
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());

        (await _server.PostAsync("typing", new { isTyping = true, name = new string('x', 201) }, session.Token)).AssertProblem(422, "campfire_invalid", "name");
    }
}

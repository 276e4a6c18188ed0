using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetReadTests
{
    private WidgetServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await WidgetServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Read_raises_the_visitors_watermark_and_never_lowers_it()
    {
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());
        await _server.PostAsync("messages", new { content = "one" }, session.Token);

        Reply raised = await _server.PostAsync("read", new { readThrough = 2 }, session.Token);
        Reply lowered = await _server.PostAsync("read", new { readThrough = 1 }, session.Token);
        Reply beyond = await _server.PostAsync("read", new { deliveredThrough = long.MaxValue }, session.Token);

        Assert.That(raised.Status, Is.EqualTo(200), raised.Text);
        Assert.That(raised.Json["participantType"]!.GetValue<string>(), Is.EqualTo("visitor"));
        Assert.That(raised.Json["participantId"]!.GetValue<Guid>(), Is.EqualTo(session.VisitorId));
        Assert.That(raised.Json["conversationId"]!.GetValue<Guid>(), Is.EqualTo(session.ConversationId));
        Assert.That(raised.Json["readThrough"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(lowered.Json["readThrough"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(beyond.Json["deliveredThrough"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(
            await Seed.ScalarAsync<long>("select read_through from public.conversation_receipts where conversation_id = $1", session.ConversationId),
            Is.EqualTo(2));
    }

    [TestCase("{}", 400, "campfire_malformed")]
    [TestCase("""{"readThrough":"2"}""", 400, "campfire_malformed")]
    [TestCase("""{"readThrough":1.5}""", 400, "campfire_malformed")]
    [TestCase("""{"readThrough":99999999999999999999}""", 400, "campfire_malformed")]
    [TestCase("""{"readThrough":-1}""", 422, "campfire_invalid")]
    public async Task Read_with_a_wrong_field_is_refused(string body, int status, string code)
    {
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());

        (await _server.PostTextAsync("read", body, session.Token)).AssertProblem(status, code);
    }
}

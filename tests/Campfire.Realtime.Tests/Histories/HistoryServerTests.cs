using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Histories;

public sealed class HistoryServerTests
{
    // A history in which nothing arrives live would prove the log only.
    [TestCase(true)]
    [TestCase(false)]
    public async Task Broadcast_of_the_server_is_heard_without_the_log(bool isText)
    {
        var time = new JumpingTime();
        using var server = new HistoryServer(time);
        await using var client = new CampfireClient(
            new CampfireClientOptions
            {
                Url = new Uri("http://supabase.test"), ApiKey = "key", HttpMessageHandler = server.Database, TimeProvider = time, AccessToken = _ => server.GiveToken(),
            },
            server.Sockets.NewSocket);
        await client.ConnectAsync().InTime();
        Conversation conversation = await client.JoinConversationAsync(server.Database.OrganizationId, server.Database.ConversationId).InTime();
        await using IAsyncEnumerator<ConversationEvent> events = conversation.ReadEventsAsync().GetAsyncEnumerator();

        server.Broadcast(server.Database.MessageJson(1), isText);

        Assert.That(await events.NextAsync(), Is.InstanceOf<MessageCreated>());
    }
}

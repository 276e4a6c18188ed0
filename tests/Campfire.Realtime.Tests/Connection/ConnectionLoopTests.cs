using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Tests.Connection;

public sealed class ConnectionLoopTests
{
    [Test]
    public async Task Hint_between_the_loss_and_the_wait_is_not_lost()
    {
        var server = new ScriptedServer { OnConnect = number => number == 1 ? new IOException("unreachable") : null };
        ConnectionLoop? loop = null;
        loop = NewLoop(server, () =>
        {
            // The delay has been drawn and shown, and nobody waits for it so far.
            if (loop!.Status.NextRetryIn is not null)
                loop.OnNetworkChanged();
        });
        await using ConnectionLoop owned = loop;

        await loop.ConnectAsync(CancellationToken.None).InTime();

        Assert.That(server.Connects, Is.EqualTo(2));
    }

    private static ConnectionLoop NewLoop(ScriptedServer server, Action onStatus) => new(
        new CampfireClientOptions { Url = new Uri("http://supabase.test"), ApiKey = "sb_publishable_key", TimeProvider = new ManualTime() },
        server.NewSocket,
        new ChannelRegistry(new RealtimeBudget()),
        new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), new Random(7)),
        NullLogger.Instance,
        onStatus);
}

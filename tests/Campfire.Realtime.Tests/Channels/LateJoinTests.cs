using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Tests.Support;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Tests.Channels;

public sealed class LateJoinTests
{
    [Test]
    public async Task Join_that_begins_after_the_client_left_the_channel_ends_without_a_word()
    {
        var options = new CampfireClientOptions { Url = new Uri("http://supabase.test"), ApiKey = "key", TimeProvider = new ManualTime() };
        var backoff = new Backoff(options.ReconnectBaseDelay, options.ReconnectMaxDelay, new Random(7));
        var registry = new ChannelRegistry(new RealtimeBudget());
        await using var connections = new ConnectionPool(options, new ScriptedServer().NewSocket, registry, backoff, NullLogger.Instance);
        var services = new ChannelServices(
            options, connections, registry, new AccessTokenSource(null, options.TimeProvider, options.RequestTimeout), backoff, new RealtimeBudget(), NullLogger.Instance);
        var session = new ChannelSession(ChannelName.Organization(Guid.CreateVersion7()), connections, new NoSink(), isPresenceEnabled: false, services);

        await session.DisposeAsync().InTime();
        Assert.CatchAsync<ObjectDisposedException>(() => session.JoinAsync(CancellationToken.None).InTime());

        // Waits for the loop, and would bring its failure.
        await session.DisposeAsync().InTime();
    }

    private sealed class NoSink : IChannelSink
    {
        public void OnBroadcast(in BroadcastView broadcast)
        {
        }

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined()
        {
        }

        public void OnDatabaseStreaming()
        {
        }

        public void OnInterrupted(string reason)
        {
        }

        public void OnEnded(CampfireException reason)
        {
        }
    }
}

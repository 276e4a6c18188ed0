using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Tests.Conversations;

// The clients of one support desk, on an emulator.
internal static class DeskClients
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static async Task<CampfireClient> ConnectAsync(CampfireEmulator emulator, string token, Action<CampfireClientOptions>? configure = null)
    {
        var options = new CampfireClientOptions
        {
            Url = emulator.Url,
            ApiKey = emulator.AnonKey,
            AccessToken = _ => ValueTask.FromResult(token),
            ReconnectBaseDelay = TimeSpan.FromMilliseconds(50),
            JitterSeed = 1,
        };
        configure?.Invoke(options);
        var client = new CampfireClient(options);
        await client.ConnectAsync().WaitAsync(Deadline);
        return client;
    }

    public static Task<Conversation> JoinAsync(this CampfireClient client, SupportDesk desk, long? resumeAfter = null) =>
        client.JoinConversationAsync(desk.OrganizationId, desk.ConversationId, resumeAfter).WaitAsync(Deadline);

    // Reads until so many messages have come, and returns all stored events up to there.
    public static async Task<List<StoredEvent>> ReadMessagesAsync(this Conversation conversation, int count)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        var events = new List<StoredEvent>();
        await foreach (ConversationEvent e in conversation.ReadEventsAsync(deadline.Token))
        {
            if (e is StoredEvent stored)
                events.Add(stored);
            if (events.OfType<MessageCreated>().Count() >= count)
                return events;
        }

        Assert.Fail($"The stream ended after {events.Count} events.");
        return events;
    }

    public static void AssertOnceAndInOrder(IReadOnlyList<StoredEvent> events, IEnumerable<string> contents)
    {
        Assert.That(events.OfType<MessageCreated>().Select(message => message.Content), Is.EqualTo(contents));
        Assert.That(events.Select(e => e.Sequence), Is.Ordered.Ascending);
        Assert.That(events.Select(e => e.Sequence), Is.Unique);
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Benchmarks.Sockets;

// An agent's client that notes when what happens in a conversation has come on every channel.
internal sealed class Dashboard : IAsyncDisposable
{
    private const int ChannelsOfMessage = 3;

    private readonly CampfireClient _client;
    private readonly Guid _organizationId;
    private readonly List<BroadcastChannel> _channels = [];
    private readonly List<Task> _readers = [];
    private readonly ConcurrentDictionary<(Guid Conversation, long Sequence), Arrival> _arrivals = [];
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<long>> _handovers = [];

    private Dashboard(CampfireClient client, Guid organizationId)
    {
        _client = client;
        _organizationId = organizationId;
    }

    public static async Task<Dashboard> ConnectAsync(BenchProject project, IEnumerable<Guid> conversations, CancellationToken cancellationToken)
    {
        CampfireClientOptions options = new()
        {
            Url = project.Url,
            ApiKey = project.AnonKey,
            AccessToken = _ => ValueTask.FromResult(project.AgentToken),
            EventBufferSize = 65_536,
        };
        // Hundreds of channels are joined before the measurement, not as a part of it.
        options.Budget = new RealtimeBudget { JoinsPerSecond = 1_000 };
        Dashboard dashboard = new(new CampfireClient(options), project.OrganizationId);
        await dashboard._client.ConnectAsync(cancellationToken);
        await dashboard.JoinAsync(ChannelName.Organization(project.OrganizationId), cancellationToken);
        await dashboard.JoinAsync(ChannelName.Conversations(project.OrganizationId), cancellationToken);
        foreach (Guid conversation in conversations)
            await dashboard.JoinAsync(ChannelName.Conversation(dashboard._organizationId, conversation), cancellationToken);
        return dashboard;
    }

    // When the last of the three channels had it.
    public Task<long> ReachAsync(Guid conversationId, long sequence) => _arrivals.GetOrAdd((conversationId, sequence), _ => new Arrival()).Reached;

    public Task<long> HandoverAsync(Guid conversationId) => HandoverOf(conversationId).Task;

    public async ValueTask DisposeAsync()
    {
        foreach (BroadcastChannel channel in _channels)
            await channel.DisposeAsync();
        await Task.WhenAll(_readers);
        await _client.DisposeAsync();
    }

    private TaskCompletionSource<long> HandoverOf(Guid conversationId) =>
        _handovers.GetOrAdd(conversationId, _ => new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));

    private async Task JoinAsync(ChannelName name, CancellationToken cancellationToken)
    {
        BroadcastChannel channel = await _client.JoinChannelAsync(name, cancellationToken);
        _channels.Add(channel);
        _readers.Add(ReadAsync(channel));
    }

    private async Task ReadAsync(BroadcastChannel channel)
    {
        await foreach (ChannelBroadcast broadcast in channel.ReadAsync())
        {
            long now = Stopwatch.GetTimestamp();
            using JsonDocument payload = JsonDocument.Parse(broadcast.Payload);
            JsonElement root = payload.RootElement;
            if (broadcast.EventName == EventNames.MessageCreated)
                Note(root.GetProperty("conversation_id").GetGuid(), root.GetProperty("sequence").GetInt64(), now);
            else if (broadcast.EventName == EventNames.ConversationUpdated && channel.Name.Kind is ChannelKind.Organization)
                Note(root.GetProperty("id").GetGuid(), root.GetProperty("last_sequence").GetInt64(), now);
            else if (broadcast.EventName == EventNames.AiHandoverRequested && channel.Name.Kind is ChannelKind.Organization)
                HandoverOf(root.GetProperty("conversation_id").GetGuid()).TrySetResult(now);
        }
    }

    private void Note(Guid conversationId, long sequence, long now) => _arrivals.GetOrAdd((conversationId, sequence), _ => new Arrival()).Note(now);

    private sealed class Arrival
    {
        private readonly TaskCompletionSource<long> _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public Task<long> Reached => _reached.Task;

        public void Note(long now)
        {
            if (Interlocked.Increment(ref _count) == ChannelsOfMessage)
                _reached.TrySetResult(now);
        }
    }
}

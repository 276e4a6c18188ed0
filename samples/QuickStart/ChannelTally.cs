using Campfire.Realtime;

namespace QuickStart;

/// <summary>Counts the events of one channel by name.</summary>
internal sealed class ChannelTally(string awaited, int expected)
{
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    public Task All => _all.Task;

    public bool IsComplete => Counts().GetValueOrDefault(awaited) == expected;

    public IReadOnlyDictionary<string, int> Counts()
    {
        lock (_counts)
            return new SortedDictionary<string, int>(_counts, StringComparer.Ordinal);
    }

    public async Task ReadAsync(BroadcastChannel channel, CancellationToken cancellationToken)
    {
        await foreach (ChannelBroadcast broadcast in channel.ReadAsync(cancellationToken))
        {
            lock (_counts)
            {
                int count = _counts[broadcast.EventName] = _counts.GetValueOrDefault(broadcast.EventName) + 1;
                if (broadcast.EventName == awaited && count == expected)
                    _all.TrySetResult();
            }
        }
    }
}

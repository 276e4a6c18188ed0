using System.Diagnostics;
using Campfire.Realtime;
using Campfire.Realtime.Protocol;

namespace QuickStart;

internal sealed record Sent(Guid Id, long Sequence);

internal sealed record Delivery(int Delivered, int Lost, int Duplicates, int OutOfOrder)
{
    public bool IsPerfect => this is { Lost: 0, Duplicates: 0, OutOfOrder: 0 };
}

/// <summary>Reads one side's conversation and judges it by message identifiers, without trusting the library's own order.</summary>
internal sealed class Observer(string name, int expected, TimeSpan clockOffset)
{
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(Guid Id, long Sequence)> _arrived = new(expected);
    private long _lastArrival = Stopwatch.GetTimestamp();

    public string Name => name;

    /// <summary>Stored to handler, in milliseconds.</summary>
    public List<double> Latencies { get; } = new(expected);

    public Task All => _all.Task;

    public TimeSpan Silence => Stopwatch.GetElapsedTime(Volatile.Read(ref _lastArrival));

    public async Task ReadAsync(Conversation conversation, CancellationToken cancellationToken)
    {
        await foreach (ConversationEvent e in conversation.ReadEventsAsync(cancellationToken))
        {
            if (e is not MessageCreated message)
                continue;

            Latencies.Add((TimeProvider.System.GetUtcNow() + clockOffset - message.CreatedAt).TotalMilliseconds);
            Volatile.Write(ref _lastArrival, Stopwatch.GetTimestamp());
            lock (_arrived)
                _arrived.Add((message.Id, message.Sequence));
            if (_arrived.Count == expected)
                _all.TrySetResult();
        }
    }

    public Delivery Judge(IReadOnlyList<Sent> sent)
    {
        lock (_arrived)
        {
            HashSet<Guid> distinct = [.. _arrived.Select(message => message.Id)];
            int outOfOrder = 0;
            for (int i = 1; i < _arrived.Count; i++)
            {
                if (_arrived[i].Sequence < _arrived[i - 1].Sequence)
                    outOfOrder++;
            }

            return new Delivery(_arrived.Count, sent.Count(message => !distinct.Contains(message.Id)), _arrived.Count - distinct.Count, outOfOrder);
        }
    }
}

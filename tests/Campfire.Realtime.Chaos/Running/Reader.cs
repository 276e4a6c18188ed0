using System.Diagnostics;
using Campfire.Realtime.Chaos.Judging;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Reads one conversation through one client, and writes down what it saw.</summary>
internal sealed class Reader(string name, Desk desk, Conversation conversation)
{
    private readonly List<Seen> _arrived = [];
    private long _lastArrival = Stopwatch.GetTimestamp();
    private long _pausedUntil;
    private string? _ended;
    private int _count;

    /// <summary>Whether the messages are kept for a judge, or only counted.</summary>
    public bool KeepsMessages { get; init; } = true;

    public string Name => name;

    public Desk Desk => desk;

    public Conversation Conversation => conversation;

    /// <summary>Why the stream ended before it was told to, if it did.</summary>
    public string? Ended => Volatile.Read(ref _ended);

    /// <summary>When the last message came, by <see cref="Stopwatch"/>.</summary>
    public long LastArrival => Volatile.Read(ref _lastArrival);

    public TimeSpan Silence => Stopwatch.GetElapsedTime(LastArrival);

    public int Count => Volatile.Read(ref _count);

    public void Pause(TimeSpan duration) => Volatile.Write(ref _pausedUntil, Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency));

    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (ConversationEvent e in conversation.ReadEventsAsync(cancellationToken))
            {
                long paused = Volatile.Read(ref _pausedUntil) - Stopwatch.GetTimestamp();
                if (paused > 0)
                    await Task.Delay(TimeSpan.FromSeconds((double)paused / Stopwatch.Frequency), cancellationToken);
                if (e is not MessageCreated message)
                    continue;

                if (KeepsMessages)
                    _arrived.Add(new Seen(message.Id, message.Content));
                Volatile.Write(ref _count, _count + 1);
                Volatile.Write(ref _lastArrival, Stopwatch.GetTimestamp());
            }

            Volatile.Write(ref _ended, cancellationToken.IsCancellationRequested ? null : "the stream ended");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The run is over.
        }
        catch (CampfireException e)
        {
            // What is missing is judged like any other loss.
            Volatile.Write(ref _ended, $"{e.Code}: {e.Message}");
        }
    }

    /// <summary>What arrived, once the reading is over.</summary>
    public IReadOnlyList<Seen> Arrived => _arrived;
}

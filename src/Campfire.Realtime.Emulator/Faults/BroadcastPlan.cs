using Campfire.Realtime.Emulator.Realtime;

namespace Campfire.Realtime.Emulator.Faults;

// What shall happen to the broadcasts to come: the next one takes the first entry, whoever sends it to whatever topic.
internal sealed class BroadcastPlan(FaultLog log)
{
    // Held during deliveries as well, so that the broadcasts of one sender keep their order while faults are at work.
    private readonly Lock _lock = new();
    private readonly Queue<Entry> _entries = new();
    private volatile bool _isEmpty = true;

    public void Lose(int count) => Plan(count, new Entry(EmulatorFaultKind.BroadcastLost, null));

    public void Duplicate(int count) => Plan(count, new Entry(EmulatorFaultKind.BroadcastDuplicated, null));

    public void Reorder(int count) => Plan(count, new Entry(EmulatorFaultKind.BroadcastReordered, new Batch(count)));

    // True when this broadcast has been dealt with.
    public bool Intercept(TopicHub hub, Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (_isEmpty)
            return false;
        lock (_lock)
        {
            if (!_entries.TryDequeue(out var entry))
                return false;
            log.Add(entry.Kind, topic.SubTopic, detail: frames.Describe());
            if (entry.Kind == EmulatorFaultKind.BroadcastDuplicated)
            {
                TopicHub.Deliver(topic, frames, sender);
                TopicHub.Deliver(topic, frames, sender);
            }
            else if (entry.Batch is { } batch)
            {
                batch.HeldBack.Add(new Held(topic, frames, sender));
                if (batch.HeldBack.Count == batch.Size)
                    Deliver(hub, Enumerable.Reverse(batch.HeldBack));
            }
            _isEmpty = _entries.Count == 0;
            return true;
        }
    }

    // What was held back is not lost: a fault that nobody recorded would be none on request.
    public void Clear(TopicHub hub)
    {
        lock (_lock)
        {
            if (_entries.TryPeek(out var next) && next.Batch is { } unfinished)
                Deliver(hub, unfinished.HeldBack);
            _entries.Clear();
            _isEmpty = true;
        }
    }

    private void Plan(int count, Entry entry)
    {
        lock (_lock)
        {
            for (var i = 0; i < count; i++)
                _entries.Enqueue(entry);
            _isEmpty = false;
        }
    }

    // The topic may have been left by all its members and joined anew since.
    private static void Deliver(TopicHub hub, IEnumerable<Held> broadcasts)
    {
        foreach (var (topic, frames, sender) in broadcasts)
        {
            if (hub.Find(topic.SubTopic, topic.IsPrivate) is { } audience)
                TopicHub.Deliver(audience, frames, sender);
        }
    }

    private readonly record struct Entry(EmulatorFaultKind Kind, Batch? Batch);

    private readonly record struct Held(Topic Topic, BroadcastFrames Frames, RealtimeChannel? Sender);

    private sealed record Batch(int Size)
    {
        public List<Held> HeldBack { get; } = [];
    }
}

using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Delivery;

internal enum Offer
{
    /// <summary>It, and perhaps held ones behind it, can be taken now.</summary>
    Ready,

    /// <summary>It waits for an earlier one.</summary>
    Held,

    /// <summary>It was there before.</summary>
    Duplicate,

    /// <summary>There is no room to hold it; the log has it.</summary>
    Refused,
}

/// <summary>Puts stored events in order: each sequence once, none before its predecessor. Not thread-safe.</summary>
internal sealed class EventSequencer(long cursor, int maxHeld)
{
    private readonly SortedDictionary<long, (StoredEvent Event, EventSource Source)> _held = [];
    private long[] _marked = [];
    private HashSet<long> _doubtful = [];

    /// <summary>The sequence of the last event that was taken.</summary>
    public long Cursor { get; private set; } = cursor;

    /// <summary>Whether a later event waits for a missing one.</summary>
    public bool HasHole => _held.Count > 0 && !_held.ContainsKey(Cursor + 1);

    public Offer Offer(StoredEvent stored, EventSource source)
    {
        if (stored.Sequence <= Cursor || _held.ContainsKey(stored.Sequence))
            return Delivery.Offer.Duplicate;
        if (_held.Count >= maxHeld && stored.Sequence != Cursor + 1)
            return Delivery.Offer.Refused;

        _held.Add(stored.Sequence, (stored, source));
        return stored.Sequence == Cursor + 1 ? Delivery.Offer.Ready : Delivery.Offer.Held;
    }

    public bool TryTake(out (StoredEvent Event, EventSource Source) next)
    {
        if (!_held.Remove(Cursor + 1, out next))
            return false;

        Cursor++;
        return true;
    }

    /// <summary>Gives up what lies before a sequence and is not held.</summary>
    /// <returns>The first and last sequence given up, or null when the next event is there.</returns>
    public (long First, long Last)? GiveUpBefore(long sequence)
    {
        foreach (long held in _held.Keys)
        {
            sequence = Math.Min(sequence, held);
            break;
        }

        long first = Cursor + 1;
        if (sequence <= first)
            return null;

        Cursor = sequence - 1;
        return (first, Cursor);
    }

    /// <summary>Remembers what is held now, for <see cref="DropBeyond"/>.</summary>
    public void MarkHeld() => _marked = [.. _held.Keys];

    /// <summary>Drops what lies beyond a sequence, was held at the last mark, and was beyond already the time before.</summary>
    /// <param name="sequence">The last one that is known to be real.</param>
    /// <param name="hasDoubtful">Whether something was beyond for the first time.</param>
    /// <returns>How many were dropped.</returns>
    public int DropBeyond(long sequence, out bool hasDoubtful)
    {
        HashSet<long> beyond = [.. _marked.Where(marked => marked > sequence && _held.ContainsKey(marked))];
        int dropped = beyond.RemoveWhere(held => _doubtful.Contains(held) && _held.Remove(held));
        _doubtful = beyond;
        _marked = [];
        hasDoubtful = beyond.Count > 0;
        return dropped;
    }
}

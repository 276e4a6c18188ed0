using System.Diagnostics.CodeAnalysis;
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
    private readonly SortedDictionary<long, StoredEvent> _held = [];
    private long[] _marked = [];

    /// <summary>The sequence of the last event that was taken.</summary>
    public long Cursor { get; private set; } = cursor;

    /// <summary>Whether a later event waits for a missing one.</summary>
    public bool HasHole => _held.Count > 0 && !_held.ContainsKey(Cursor + 1);

    public Offer Offer(StoredEvent stored)
    {
        if (stored.Sequence <= Cursor || _held.ContainsKey(stored.Sequence))
            return Delivery.Offer.Duplicate;
        if (_held.Count >= maxHeld && stored.Sequence != Cursor + 1)
            return Delivery.Offer.Refused;

        _held.Add(stored.Sequence, stored);
        return stored.Sequence == Cursor + 1 ? Delivery.Offer.Ready : Delivery.Offer.Held;
    }

    public bool TryTake([NotNullWhen(true)] out StoredEvent? next)
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

    /// <summary>Drops what was held at the last mark, still is and lies beyond a sequence, and says how many that were.</summary>
    public int DropBeyond(long sequence)
    {
        int dropped = _marked.Count(marked => marked > sequence && _held.Remove(marked));
        _marked = [];
        return dropped;
    }
}

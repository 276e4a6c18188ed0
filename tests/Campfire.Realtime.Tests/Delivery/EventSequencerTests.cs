using System.Text.Json;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using CsCheck;

namespace Campfire.Realtime.Tests.Delivery;

public sealed class EventSequencerTests
{
    private static readonly JsonElement Nothing = JsonDocument.Parse("{}").RootElement;

    private enum Act
    {
        Offer,
        GiveUp,
        DropBeyond,
    }

    [Test]
    public void Any_history_is_taken_once_and_in_order()
    {
        Gen<(Act Act, int Sequence)> step = Gen.Select(Gen.Frequency((8, Gen.Const(Act.Offer)), (1, Gen.Const(Act.GiveUp)), (1, Gen.Const(Act.DropBeyond))), Gen.Int[-2, 40]);
        Gen.Select(Gen.Int[0, 5], Gen.Int[1, 8], step.Array[0, 80]).Sample(
            (cursor, capacity, steps) => Check(cursor, capacity, steps),
            iter: 50_000);
    }

    [Test]
    public void Next_event_is_taken_even_when_there_is_no_room_to_hold_one()
    {
        var sequencer = new EventSequencer(0, maxHeld: 1);

        Assert.Multiple(() =>
        {
            Assert.That(sequencer.Offer(Event(3), EventSource.Live), Is.EqualTo(Offer.Held));
            Assert.That(sequencer.Offer(Event(4), EventSource.Live), Is.EqualTo(Offer.Refused));
            Assert.That(sequencer.Offer(Event(1), EventSource.Live), Is.EqualTo(Offer.Ready));
        });
    }

    // The model is a set: what was accepted and not dropped, not taken and not given up.
    private static bool Check(int cursor, int capacity, (Act Act, int Sequence)[] steps)
    {
        var sequencer = new EventSequencer(cursor, capacity);
        var held = new SortedSet<long>();
        HashSet<long> doubtful = [];
        long at = cursor;
        foreach ((Act act, int sequence) in steps)
        {
            switch (act)
            {
                case Act.Offer:
                    Offer expected = sequence <= at || held.Contains(sequence) ? Offer.Duplicate
                        : sequence == at + 1 ? Offer.Ready
                        : held.Count >= capacity ? Offer.Refused
                        : Offer.Held;
                    if (sequencer.Offer(Event(sequence), EventSource.Live) != expected)
                        return false;
                    if (expected is Offer.Ready or Offer.Held)
                        held.Add(sequence);
                    break;
                case Act.GiveUp:
                    long to = held.Count > 0 ? Math.Min(sequence, held.Min) : sequence;
                    (long, long)? lost = to > at + 1 ? (at + 1, to - 1) : null;
                    if (sequencer.GiveUpBefore(sequence) != lost)
                        return false;
                    at = lost?.Item2 ?? at;
                    break;
                default:
                    // What lies beyond for the first time is doubted, and dropped the second time.
                    var beyond = held.Where(one => one > sequence).ToHashSet();
                    int dropped = beyond.RemoveWhere(one => doubtful.Contains(one) && held.Remove(one));
                    doubtful = beyond;
                    sequencer.MarkHeld();
                    if (sequencer.DropBeyond(sequence, out bool hasDoubtful) != dropped || hasDoubtful != beyond.Count > 0)
                        return false;
                    break;
            }

            while (sequencer.TryTake(out (StoredEvent Event, EventSource Source) next))
            {
                if (next.Event.Sequence != ++at || !held.Remove(at))
                    return false;
            }

            if (held.Contains(at + 1) || sequencer.Cursor != at || sequencer.HasHole != held.Count > 0)
                return false;
        }

        return true;
    }

    private static UnknownStoredEvent Event(long sequence) => new("order:shipped", Nothing) { Sequence = sequence };
}

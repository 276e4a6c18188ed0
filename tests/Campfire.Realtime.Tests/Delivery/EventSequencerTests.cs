using System.Text.Json;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Protocol;
using CsCheck;

namespace Campfire.Realtime.Tests.Delivery;

[TestFixture]
public sealed class EventSequencerTests
{
    // Any arrival of any sequences, some of them again and again: what comes out is the unbroken run behind the cursor.
    [Test]
    public void Any_arrival_comes_out_once_in_order_and_without_a_hole() => Gen.Select(Gen.Long[0, 50], Gen.Long[1, 80].Array[0, 200]).Sample((cursor, arrivals) =>
    {
        var sequencer = new EventSequencer(cursor, maxHeld: 1000);
        var taken = new List<long>();
        foreach (long sequence in arrivals)
        {
            sequencer.Offer(Event(sequence));
            Drain(sequencer, taken);
        }

        long end = cursor;
        while (arrivals.Contains(end + 1))
            end++;
        Assert.That(taken, Is.EqualTo(Run(cursor + 1, end)));
        Assert.That(sequencer.Cursor, Is.EqualTo(end));
        Assert.That(sequencer.HasHole, Is.EqualTo(arrivals.Any(sequence => sequence > end)));
    });

    // Whatever was refused for want of room, lost or repeated: with the log read after it, nothing is missing.
    [Test]
    public void Log_makes_good_what_live_events_lost() => Gen.Select(Gen.Long[1, 80].Array[0, 200], Gen.Int[1, 5]).Sample((arrivals, room) =>
    {
        var sequencer = new EventSequencer(0, room);
        var taken = new List<long>();
        foreach (long sequence in arrivals)
        {
            sequencer.Offer(Event(sequence));
            Drain(sequencer, taken);
        }

        foreach (long sequence in Run(1, 80))
        {
            if (sequence <= sequencer.Cursor)
                continue;
            sequencer.Offer(Event(sequence));
            Drain(sequencer, taken);
        }

        Assert.That(taken, Is.EqualTo(Run(1, 80)));
    });

    [Test]
    public void What_the_log_has_lost_is_given_up_once_and_only_up_to_what_is_held()
    {
        var sequencer = new EventSequencer(3, maxHeld: 10);
        sequencer.Offer(Event(7));

        Assert.That(sequencer.GiveUpBefore(10), Is.EqualTo((4L, 6L)));
        Assert.That(sequencer.TryTake(out StoredEvent? next), Is.True);
        Assert.That(next!.Sequence, Is.EqualTo(7));
        Assert.That(sequencer.GiveUpBefore(10), Is.EqualTo((8L, 9L)));
        Assert.That(sequencer.GiveUpBefore(10), Is.Null);
    }

    [Test]
    public void What_was_never_in_the_log_is_dropped()
    {
        var sequencer = new EventSequencer(0, maxHeld: 10);
        sequencer.Offer(Event(2));
        sequencer.Offer(Event(1_000_000_000));

        Assert.That(sequencer.DropBeyond(2), Is.EqualTo(1));
        sequencer.Offer(Event(1));
        var taken = new List<long>();
        Drain(sequencer, taken);
        Assert.That(taken, Is.EqualTo(new[] { 1L, 2L }));
        Assert.That(sequencer.HasHole, Is.False);
    }

    private static void Drain(EventSequencer sequencer, List<long> taken)
    {
        while (sequencer.TryTake(out StoredEvent? next))
            taken.Add(next.Sequence);
    }

    private static IEnumerable<long> Run(long first, long last)
    {
        for (long i = first; i <= last; i++)
            yield return i;
    }

    private static UnknownStoredEvent Event(long sequence) => new("test:event", default(JsonElement)) { Sequence = sequence };
}

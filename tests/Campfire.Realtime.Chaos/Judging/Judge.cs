using System.Globalization;

namespace Campfire.Realtime.Chaos.Judging;

/// <summary>A message as the database holds it, or as a reader saw it. Both parts must be the same at both sides.</summary>
internal readonly record struct Seen(Guid Id, string Content);

/// <summary>What was wrong; all zero when nothing was.</summary>
internal readonly record struct Verdict(int Lost, int Duplicated, int Reordered)
{
    public bool IsPerfect => this == default;

    public static Verdict operator +(Verdict left, Verdict right) =>
        new(left.Lost + right.Lost, left.Duplicated + right.Duplicated, left.Reordered + right.Reordered);
}

/// <summary>Compares without trusting what the library says of sequences and order.</summary>
internal static class Judge
{
    /// <summary>What a sender writes: its name, and which message of its own in this conversation it is, from 1.</summary>
    public static string Content(string sender, int counter) => string.Create(CultureInfo.InvariantCulture, $"{sender} {counter}");

    /// <summary>A reader's arrivals against everything that the database holds, in the order of its log.</summary>
    /// <remarks>What the database does not hold has no place of its own, and counts as duplicated. A late message is reordered once.</remarks>
    public static Verdict Delivery(IReadOnlyList<Seen> stored, IReadOnlyList<Seen> arrived)
    {
        var places = new Dictionary<Seen, int>(stored.Count);
        foreach (Seen message in stored)
            places.Add(message, places.Count);

        var met = new HashSet<Seen>(stored.Count);
        int duplicated = 0, reordered = 0, last = -1;
        foreach (Seen message in arrived)
        {
            if (!places.TryGetValue(message, out int place) || !met.Add(message))
                duplicated++;
            else if (place < last)
                reordered++;
            else
                last = place;
        }

        return new Verdict(stored.Count - met.Count, duplicated, reordered);
    }

    /// <summary>What the database holds of a conversation against what its senders were told is stored.</summary>
    /// <param name="acknowledged">Of each sender, how many messages it sent, one after the other, each told to be stored.</param>
    /// <param name="stored">The conversation's log.</param>
    public static Verdict Storage(IReadOnlyDictionary<string, int> acknowledged, IReadOnlyList<Seen> stored)
    {
        Verdict verdict = default;
        ILookup<string, Seen> bySender = stored.ToLookup(message => message.Content.Split(' ')[0], StringComparer.Ordinal);
        foreach ((string sender, int count) in acknowledged)
        {
            // A counter is what Delivery takes an identifier for: two rows of one counter are a message that was stored twice.
            Seen[] sent = [.. Enumerable.Range(1, count).Select(counter => new Seen(default, Content(sender, counter)))];
            verdict += Delivery(sent, [.. bySender[sender].Select(message => message with { Id = default })]);
        }

        return verdict with { Duplicated = verdict.Duplicated + bySender.Where(rows => !acknowledged.ContainsKey(rows.Key)).Sum(rows => rows.Count()) };
    }
}

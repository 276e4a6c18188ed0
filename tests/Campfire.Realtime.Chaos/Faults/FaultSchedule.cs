namespace Campfire.Realtime.Chaos.Faults;

internal enum FaultKind
{
    Drop,
    DropAndRefuse,
    Reset,
    HalfOpen,
    HalfOpenForNewToo,
    Delay,
    RestartRealtime,
    CloseChannel,
    ExpireTokens,
    RateLimit,
    RefuseJoins,
    RefuseJoinForCapacity,
    LoseBroadcasts,
    DuplicateBroadcasts,
    ReorderBroadcasts,
    RestartDatabase,
    HttpUnavailable,
    HttpBroken,
    HttpAnswerLost,
    HttpSlow,
    SlowReader,
}

/// <summary>One fault of a run.</summary>
/// <param name="Kind">What happens.</param>
/// <param name="After">How long after the one before.</param>
/// <param name="Lasts">How long it lasts, where it does.</param>
/// <param name="Size">How many broadcasts, joins or requests it hits, where it counts them.</param>
/// <param name="Target">Which conversation or reader it hits: any number, to be taken modulo how many there are.</param>
internal sealed record PlannedFault(FaultKind Kind, TimeSpan After, TimeSpan Lasts, int Size, int Target);

/// <summary>Draws what goes wrong in a run, and in which order: always the same for one seed.</summary>
internal static class FaultSchedule
{
    // Of each kind: how often it is drawn, and of how many faults it is at most one. A client gives up after three refused tokens in
    // a minute, by design, and waits up to a minute after "too many", so those are few.
    private static readonly Dictionary<FaultKind, (int Weight, int OneOf)> _kinds = new()
    {
        [FaultKind.Drop] = (6, 1),
        [FaultKind.DropAndRefuse] = (4, 1),
        [FaultKind.Reset] = (4, 1),
        [FaultKind.HalfOpen] = (8, 1),
        [FaultKind.HalfOpenForNewToo] = (3, 1),
        [FaultKind.Delay] = (5, 1),
        [FaultKind.RestartRealtime] = (4, 1),
        [FaultKind.CloseChannel] = (6, 1),
        [FaultKind.ExpireTokens] = (2, 70),
        [FaultKind.RateLimit] = (3, 20),
        [FaultKind.RefuseJoins] = (5, 1),
        [FaultKind.RefuseJoinForCapacity] = (2, 40),
        [FaultKind.LoseBroadcasts] = (10, 1),
        [FaultKind.DuplicateBroadcasts] = (7, 1),
        [FaultKind.ReorderBroadcasts] = (9, 1),
        [FaultKind.RestartDatabase] = (5, 15),
        [FaultKind.HttpUnavailable] = (5, 1),
        [FaultKind.HttpBroken] = (5, 1),
        [FaultKind.HttpAnswerLost] = (7, 1),
        [FaultKind.HttpSlow] = (4, 1),
        [FaultKind.SlowReader] = (7, 1),
    };

    public static IReadOnlyList<PlannedFault> Draw(int seed, int count, IReadOnlyCollection<FaultKind> kinds)
    {
        var random = new Random(seed);

        // Each kind once, and then as it comes.
        FaultKind[] once = [.. kinds.Order()];
        random.Shuffle(once);
        List<FaultKind> drawn = [.. once.Take(count)];
        Dictionary<FaultKind, int> times = kinds.ToDictionary(kind => kind, kind => drawn.Contains(kind) ? 1 : 0);
        while (drawn.Count < count)
        {
            (FaultKind Kind, int Weight)[] open =
            [
                .. kinds.Order().Where(kind => times[kind] < Math.Max(count / _kinds[kind].OneOf, 1))
                    .Select(kind => (kind, _kinds[kind].Weight)),
            ];
            int ball = random.Next(open.Sum(kind => kind.Weight));
            FaultKind next = open.First(kind => (ball -= kind.Weight) < 0).Kind;
            drawn.Add(next);
            times[next]++;
        }

        FaultKind[] order = [.. drawn];
        random.Shuffle(order);
        return
        [
            .. order.Select(kind => new PlannedFault(
                kind,
                TimeSpan.FromMilliseconds(random.Next(150, 750)),
                TimeSpan.FromMilliseconds(kind is FaultKind.HalfOpen or FaultKind.HalfOpenForNewToo ? random.Next(2_000, 4_000) : random.Next(300, 2_000)),
                random.Next(2, 9),
                random.Next(1_000_000))),
        ];
    }
}

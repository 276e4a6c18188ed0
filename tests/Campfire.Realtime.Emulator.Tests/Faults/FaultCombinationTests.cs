using System.Text.Json.Nodes;

namespace Campfire.Realtime.Emulator.Tests.Faults;

[Parallelizable(ParallelScope.Self)]
public sealed class FaultCombinationTests : FaultFixture
{
    private const int Topics = 3;
    private const int BroadcastsPerTopic = 1000;

    private static readonly EmulatorFaultKind[] _disturbances = [EmulatorFaultKind.HalfOpenEnded, EmulatorFaultKind.DelayEnded];

    private readonly Lock _planning = new();
    private readonly List<int> _batches = [];

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public async Task Every_socket_sees_exactly_what_the_records_say(int seed)
    {
        _batches.Clear();
        var topics = new List<Member[]>();
        for (var i = 0; i < Topics; i++)
        {
            var sender = await JoinAsync(NewTopic());
            topics.Add([sender, await JoinAsync(sender.Topic), await JoinAsync(sender.Topic, vsn: "1.0.0")]);
        }
        using var done = new CancellationTokenSource();
        var disturbing = DisturbNetworkAsync(new Random(seed), done.Token);

        await Task.WhenAll(topics.Select((members, i) => SendAsync(members[0], new Random((100 * seed) + i))));
        await done.CancelAsync();
        await disturbing;
        foreach (var members in topics)
            await members[0].BarrierAsync();
        var records = Faults.Injected;
        Faults.Clear();
        foreach (var members in topics)
            await members[0].SendTextAsync(BroadcastsPerTopic + 1);

        Assert.That(records.Select(record => record.Kind).Distinct(), Is.SupersetOf(new[]
        {
            EmulatorFaultKind.BroadcastLost,
            EmulatorFaultKind.BroadcastDuplicated,
            EmulatorFaultKind.BroadcastReordered,
        }.Concat(_disturbances)));
        foreach (var members in topics)
        {
            var expected = Expect(members[0].Topic, records);
            foreach (var member in members)
            {
                await using (member)
                    Assert.That(await member.UpToAsync(BroadcastsPerTopic + 1), Is.EqualTo(expected));
            }
        }
    }

    private async Task SendAsync(Member sender, Random random)
    {
        for (var n = 1; n <= BroadcastsPerTopic; n++)
        {
            if (random.Next(20) == 0)
                PlanFault(random.Next(3), random.Next(2, 6));
            if (random.Next(2) == 0)
                await sender.SendTextAsync(n);
            else
                await sender.SendBinaryAsync(n, isJson: true);
        }
    }

    private void PlanFault(int kind, int count)
    {
        lock (_planning)
        {
            if (kind == 0)
                Faults.LoseNextBroadcasts(count);
            else if (kind == 1)
                Faults.DuplicateNextBroadcasts(count);
            else
            {
                Faults.ReorderNextBroadcasts(count);
                _batches.Add(count);
            }
        }
    }

    private async Task DisturbNetworkAsync(Random random, CancellationToken done)
    {
        do
        {
            if (random.Next(2) == 0)
                Faults.HalfOpen();
            if (random.Next(2) == 0)
                Faults.Delay(TimeSpan.FromMilliseconds(random.Next(1, 20)), TimeSpan.FromMilliseconds(random.Next(20)));
            for (var i = 0; i < 5; i++)
                (await Http.GetAsync("/", CancellationToken.None)).Dispose();
            if (random.Next(2) == 0)
                Faults.EndDelay();
            Faults.EndHalfOpen();
        }
        while (!done.IsCancellationRequested || !_disturbances.All(kind => Faults.Injected.Any(fault => fault.Kind == kind)));
        Faults.EndDelay();
    }

    // What members of a topic with one sender see: a batch is taken from all topics, and nothing else comes in between.
    private int[] Expect(string topic, IReadOnlyList<EmulatorFault> records)
    {
        var fates = new Dictionary<int, (EmulatorFaultKind Kind, int Batch)>();
        var reordered = 0;
        var batch = 0;
        foreach (var record in records.Where(record => record.Detail?.StartsWith('{') is true))
        {
            if (record.Topic == SubTopicOf(topic))
                fates.Add(NumberIn(record.Detail!), (record.Kind, batch));
            if (record.Kind == EmulatorFaultKind.BroadcastReordered && ++reordered == _batches[batch])
                (batch, reordered) = (batch + 1, 0);
        }

        var seen = new List<int>();
        for (var n = 1; n <= BroadcastsPerTopic; n++)
        {
            if (!fates.TryGetValue(n, out var fate))
                seen.Add(n);
            else if (fate.Kind == EmulatorFaultKind.BroadcastDuplicated)
                seen.AddRange([n, n]);
            else if (fate.Kind == EmulatorFaultKind.BroadcastReordered)
            {
                var last = n;
                while (fates.TryGetValue(last + 1, out var next) && next == fate)
                    last++;
                var together = Enumerable.Range(n, last - n + 1);
                // One that was not complete when the faults were cleared came in its own order.
                seen.AddRange(fate.Batch < batch ? together.Reverse() : together);
                n = last;
            }
        }
        return [.. seen, BroadcastsPerTopic + 1];
    }

    private static int NumberIn(string detail)
    {
        var payload = JsonNode.Parse(detail)!;
        return (int)(payload["n"] ?? payload["payload"]!["n"])!;
    }
}

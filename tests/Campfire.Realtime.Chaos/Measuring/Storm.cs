using System.Diagnostics;
using Campfire.Realtime.Chaos.Running;
using QuickStart;

namespace Campfire.Realtime.Chaos.Measuring;

/// <summary>Many clients of one process lose the server at the same moment: how fast they come back, and how hard they press.</summary>
internal static class Storm
{
    private const double MaxJoinsPerSecond = 1.2 * RealtimeBudget.DefaultJoinsPerSecond;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task<bool> RunAsync(int clients, FileInfo? json, CancellationToken cancellationToken)
    {
        Console.WriteLine($"{clients} clients at defaults with one conversation each and one budget of {RealtimeBudget.DefaultJoinsPerSecond} joins per second for all. {Target.RaisedLimits}");
        await using SupabaseTarget target = await Target.StartEmulatorAsync(cancellationToken);
        await using SupportTeam team = await SupportTeam.CreateAsync(target, agents: 1, conversations: clients, cancellationToken);
        using var log = new RunLog();

        // One pool of connections, as processes with many clients have it.
        using var http = new SocketsHttpHandler { UseCookies = false, MaxConnectionsPerServer = 32 };
        var factory = new ClientFactory(target, log, http: http) { Budget = new RealtimeBudget() };
        CampfireClient[] all = [.. team.Desks.Select(desk => factory.Create(() => team.VisitorToken(desk)))];
        var conversations = new Conversation[clients];
        try
        {
            await Parallel.ForAsync(0, clients, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken }, async (i, ct) =>
            {
                await all[i].ConnectAsync(ct);
                conversations[i] = await all[i].JoinConversationAsync(team.OrganizationId, team.Desks[i].Id, ct);
            });
            Console.WriteLine($"{clients} are live.");

            List<Figure> figures =
            [
                .. await MeasureAsync("restart of Realtime", target.Emulator!.Faults.RestartRealtime, conversations, log, cancellationToken),
                .. await MeasureAsync("cut connections", () => target.Emulator!.Faults.DropConnections(), conversations, log, cancellationToken),
            ];
            Figures.Print(figures);
            await Figures.WriteJsonAsync(json, figures, cancellationToken);
            return figures.All(figure => figure.IsMet is not false);
        }
        finally
        {
            await Task.WhenAll(all.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    private static async Task<IReadOnlyList<Figure>> MeasureAsync(
        string name, Action fault, Conversation[] conversations, RunLog log, CancellationToken cancellationToken)
    {
        log.Joins.Clear();
        long started = Stopwatch.GetTimestamp();
        fault();
        while (log.Joins.Count < conversations.Length || conversations.Any(conversation => !conversation.IsLive))
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new ChaosException($"After {Patience.TotalSeconds:0} s only {conversations.Count(conversation => conversation.IsLive)} of {conversations.Length} clients are live again.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }

        double[] joins = [.. log.Joins.Select(at => Stopwatch.GetElapsedTime(started, at).TotalSeconds)];
        int[] perSecond = [.. Enumerable.Range(0, (int)joins.Max() + 1).Select(second => joins.Count(at => (int)at == second))];
        Console.WriteLine($"Joins per second after the {name}: {string.Join(", ", perSecond)}");
        return
        [
            new Figure($"{name}: all live again", joins.Max(), "s", "at most 30 s", joins.Max() <= 30),
            new Figure($"{name}: half of them live", Figures.Quantile(joins, 0.5), "s"),
            new Figure($"{name}: joins in the busiest second", perSecond.Max(), "/s", "20/s, and a fifth more for answers that bunch", perSecond.Max() <= MaxJoinsPerSecond),
            new Figure($"{name}: joins", joins.Length, ""),
        ];
    }
}

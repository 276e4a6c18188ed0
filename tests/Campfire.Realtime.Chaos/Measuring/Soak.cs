using System.Diagnostics;
using Campfire.Realtime.Chaos.Faults;
using Campfire.Realtime.Chaos.Running;

namespace Campfire.Realtime.Chaos.Measuring;

/// <summary>Joins, leaves, sends and reconnects, again and again, and looks at what the process keeps of it.</summary>
internal sealed class Soak(SupportTeam team, FaultyProxy proxy, RunLog log, int percent)
{
    private const int Clients = 10;
    private const int Chunks = 10;
    private const int Joins = 10_000;
    private const int Sends = 100_000;
    private const int Reconnects = 1_000;
    private const double Tolerance = 0.02;

    // Requests leave connections behind, which the pool keeps for a while.
    private static readonly TimeSpan IdleConnection = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly List<CampfireClient> _clients = [];
    private readonly List<Reader> _readers = [];

    /// <param name="percent">How much of 10,000 joins, 100,000 sends and 1,000 reconnects.</param>
    /// <param name="json">Where the figures go as well, if anywhere.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<bool> RunAsync(int percent, FileInfo? json, CancellationToken cancellationToken)
    {
        Console.WriteLine($"{Joins * percent / 100} joins and leaves, {Sends * percent / 100} sends, {Reconnects * percent / 100} reconnects of {Clients} clients, in {Chunks} chunks behind one to warm up.");
        Console.WriteLine("The emulator is another process. Sends go through the clients, one after the other in each of the conversations, and are read.");
        await using ServerProcess server = await ServerProcess.StartAsync(cancellationToken);
        await using SupportTeam team = await SupportTeam.CreateAsync(server.Target, agents: Clients, conversations: 2 * Clients, cancellationToken);
        await using FaultyProxy proxy = FaultyProxy.Start(Target.Realtime(server.Target));
        using var http = new SocketsHttpHandler { UseCookies = false, PooledConnectionIdleTimeout = IdleConnection };
        using var log = new RunLog { KeepsJoins = false };
        var soak = new Soak(team, proxy, log, percent);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var factory = new ClientFactory(server.Target, log, proxy.Url, http)
            {
                ReconnectsAtOnce = true,

                // The waiting for a turn would only make the run longer.
                Budget = new RealtimeBudget(RealtimePlan.Team) { JoinsPerSecond = 100_000, MessagesPerSecond = 1_000_000 },
            };
            await soak.OpenAsync(factory, cancellationToken);
            Task[] reading = [.. soak._readers.Select(reader => reader.ReadAsync(over.Token))];
            IReadOnlyList<Figure> figures = await soak.MeasureAsync(cancellationToken);
            await over.CancelAsync();
            await Task.WhenAll(reading);
            Figures.Print(figures);
            await Figures.WriteJsonAsync(json, figures, cancellationToken);
            return figures.All(figure => figure.IsMet is not false);
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll(soak._clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    private async Task OpenAsync(ClientFactory factory, CancellationToken cancellationToken)
    {
        for (int i = 0; i < Clients; i++)
        {
            int agent = i;
            CampfireClient client = factory.Create(() => team.AgentToken(agent));
            _clients.Add(client);
            await client.ConnectAsync(cancellationToken);
            Conversation conversation = await client.JoinConversationAsync(team.OrganizationId, team.Desks[i].Id, cancellationToken);
            _readers.Add(new Reader($"agent {i}", team.Desks[i], conversation) { KeepsMessages = false });
        }
    }

    private async Task<IReadOnlyList<Figure>> MeasureAsync(CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        var samples = new List<Sample>();
        for (int chunk = 0; chunk <= Chunks; chunk++)
        {
            await RunChunkAsync(cancellationToken);
            await RestAsync(cancellationToken);
            samples.Add(Sample.Take(_clients));
            Console.WriteLine($"  {Stopwatch.GetElapsedTime(started).TotalSeconds,4:0} s, {(chunk == 0 ? "warm" : $"chunk {chunk}")}: {samples[^1]}");
        }

        return
        [
            Compare("managed heap", "kB", sample => sample.HeapBytes / 1000.0, samples, floor: 100),
            Compare("open files", "", sample => sample.Files.Count, samples, floor: 2),
            Compare("timers", "", sample => sample.Timers, samples, floor: 3),
            Compare("threads", "", sample => sample.Threads, samples, floor: 4),
            Compare("entries in the clients' tables", "", sample => sample.TableEntries, samples, floor: Clients),
        ];
    }

    // The last three chunks against the first three, by their medians: one chunk may be disturbed by what else the machine does.
    // Below the floor a difference is noise: the pool of threads grows and shrinks by itself, a heartbeat or a request may be under
    // way in each client, and the runtime compiles hot methods again long after they are warm.
    private static Figure Compare(string name, string unit, Func<Sample, double> value, List<Sample> samples, double floor)
    {
        double before = Figures.Quantile(samples[1..4].Select(value), 0.5);
        double after = Figures.Quantile(samples[^3..].Select(value), 0.5);
        double allowed = Math.Max(before * Tolerance, floor);
        return new Figure(
            $"{name}, from {before:0} to", after, unit, $"at most {Tolerance:0 %} or {floor:0} {unit} more".Trim(), after - before <= allowed);
    }

    private async Task RunChunkAsync(CancellationToken cancellationToken)
    {
        int joins = Math.Max(Joins * percent / 100 / Chunks / Clients, 1);
        int sends = Math.Max(Sends * percent / 100 / Chunks / Clients, 1);
        int reconnects = Math.Max(Reconnects * percent / 100 / Chunks / Clients, 1);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async i =>
        {
            for (int n = 0; n < joins; n++)
                await (await _clients[i].JoinConversationAsync(team.OrganizationId, team.Desks[Clients + i].Id, cancellationToken)).DisposeAsync();
        }));

        int[] before = [.. _readers.Select(reader => reader.Count)];
        await Task.WhenAll(_readers.Select(async reader =>
        {
            for (int n = 0; n < sends; n++)
                await reader.Conversation.SendMessageAsync("soak", cancellationToken);
        }));
        await UntilAsync(() => _readers.Select((reader, i) => reader.Count - before[i]).All(count => count == sends), "everything sent has arrived", cancellationToken);

        for (int n = 0; n < reconnects; n++)
        {
            long joined = log.JoinCount;
            proxy.Drop(isReset: n % 2 == 0);
            await UntilAsync(() => log.JoinCount - joined >= Clients && _readers.All(reader => reader.Conversation.IsLive), "the clients are live again", cancellationToken);
        }
    }

    private static async Task RestAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(Rest, cancellationToken);
        for (int i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
    }

    private static async Task UntilAsync(Func<bool> isTrue, string what, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        while (!isTrue())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new ChaosException($"Waited {Patience.TotalSeconds:0} s in vain until {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
        }
    }

    private sealed record Sample(long HeapBytes, OpenFiles Files, long Timers, int Threads, int TableEntries)
    {
        public static Sample Take(IEnumerable<CampfireClient> clients)
        {
            using Process own = Process.GetCurrentProcess();
            return new Sample(
                GC.GetTotalMemory(forceFullCollection: true), OpenFiles.Take(own.HandleCount),
                Timer.ActiveCount, own.Threads.Count, Tables.Count(clients));
        }

        public override string ToString() => $"{HeapBytes / 1000} kB heap, {Files}, {Timers} timers, {Threads} threads, {TableEntries} entries";
    }
}

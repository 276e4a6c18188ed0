using System.Diagnostics;
using Campfire.Realtime.Chaos.Faults;
using Campfire.Realtime.Chaos.Running;
using Campfire.Realtime.Emulator;
using QuickStart;

namespace Campfire.Realtime.Chaos.Measuring;

/// <summary>How long clients at defaults need to notice a dead link, to be live again after a cut, and to fetch what they missed.</summary>
internal sealed class Detection(SupabaseTarget target, SupportTeam team, NetworkGate network)
{
    private const int Clients = 10;
    private const int Rounds = 6;
    private const int Missed = 10_000;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly List<(CampfireClient Client, Conversation Conversation, RunLog Log)> _places = [];

    public static async Task<bool> RunAsync(FileInfo? json, CancellationToken cancellationToken)
    {
        Console.WriteLine($"{Clients} clients at defaults. {Target.RaisedLimits}");
        await using SupabaseTarget target = await Target.StartEmulatorAsync(cancellationToken);
        await using SupportTeam team = await SupportTeam.CreateAsync(target, agents: 1, conversations: Clients, cancellationToken);
        using var network = new NetworkGate();
        var detection = new Detection(target, team, network);
        try
        {
            await detection.OpenAsync(cancellationToken);
            List<Figure> figures =
            [
                .. await SayAsync($"cutting all connections {Rounds} times", detection.MeasureDropsAsync(cancellationToken)),
                .. await SayAsync("letting all links fall silent", detection.MeasureHalfOpenAsync(isHinted: false, "at most 20 s", 20.5, cancellationToken)),
                .. await SayAsync("letting all links fall silent, with a hint", detection.MeasureHalfOpenAsync(isHinted: true, "at most 2 s", 2.2, cancellationToken)),
                .. await SayAsync($"storing {Missed} messages during a cut", detection.MeasureRecoveryAsync(cancellationToken)),
            ];
            Figures.Print(figures);
            await Figures.WriteJsonAsync(json, figures, cancellationToken);
            return figures.All(figure => figure.IsMet is not false);
        }
        finally
        {
            await Task.WhenAll(detection._places.Select(place => place.Client.DisposeAsync().AsTask()));
        }
    }

    private static Task<IReadOnlyList<Figure>> SayAsync(string what, Task<IReadOnlyList<Figure>> measurement)
    {
        Console.WriteLine($"  {what}…");
        return measurement;
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        foreach (Desk desk in team.Desks)
        {
            var log = new RunLog();
            CampfireClient client = new ClientFactory(target, log, http: network).Create(() => team.VisitorToken(desk));
            await client.ConnectAsync(cancellationToken);
            _places.Add((client, await client.JoinConversationAsync(team.OrganizationId, desk.Id, cancellationToken), log));
        }
    }

    // The server is back at once, as after the change of a network.
    private async Task<IReadOnlyList<Figure>> MeasureDropsAsync(CancellationToken cancellationToken)
    {
        var seconds = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((_, _, RunLog log) in _places)
                log.Joins.Clear();
            long dropped = Stopwatch.GetTimestamp();
            target.Emulator!.Faults.DropConnections();
            await UntilAsync(() => _places.All(place => !place.Log.Joins.IsEmpty && place.Conversation.IsLive), "the clients are live again", cancellationToken);
            seconds.AddRange(_places.Select(place => Stopwatch.GetElapsedTime(dropped, place.Log.Joins.First()).TotalSeconds));
        }

        double p95 = Figures.Quantile(seconds, 0.95);
        return
        [
            new Figure($"live again after {seconds.Count} drops, p50", Figures.Quantile(seconds, 0.5), "s"),
            new Figure($"live again after {seconds.Count} drops, p95", p95, "s", "at most 1.5 s", p95 <= 1.5),
        ];
    }

    private async Task<IReadOnlyList<Figure>> MeasureRecoveryAsync(CancellationToken cancellationToken)
    {
        (CampfireClient client, Conversation conversation, _) = _places[0];
        var reader = new Reader("visitor", team.Desks[0], conversation);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task reading = reader.ReadAsync(over.Token);

        EmulatorFaults faults = target.Emulator!.Faults;
        network.IsClosed = true;
        faults.DropConnections(TimeSpan.FromHours(1));
        await team.StoreMessagesAsync(team.Desks[0], Missed, cancellationToken);
        network.IsClosed = false;
        faults.Clear();
        long returned = Stopwatch.GetTimestamp();

        // As an application does; the client would otherwise come back within half a minute, after an outage of that length.
        client.NotifyNetworkChanged();
        await UntilAsync(() => reader.Count >= Missed, $"the {Missed} messages have arrived", cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(returned, reader.LastArrival).TotalSeconds;
        await over.CancelAsync();
        await reading;
        return [new Figure($"{Missed} missed messages, from the return of the network to the last one", seconds, "s", "at most 2 s", seconds <= 2)];
    }

    /// <param name="isHinted">Whether the application says that the network has changed.</param>
    /// <param name="limit">The target in words.</param>
    /// <param name="most">The target, with what timers of a busy machine add.</param>
    /// <param name="cancellationToken">Ends the measurement.</param>
    private async Task<IReadOnlyList<Figure>> MeasureHalfOpenAsync(bool isHinted, string limit, double most, CancellationToken cancellationToken)
    {
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await UntilAsync(() => _places.All(place => place.Conversation.IsLive), "the clients are live", cancellationToken);
        long silent = Stopwatch.GetTimestamp();
        target.Emulator!.Faults.HalfOpen();
        if (isHinted)
            _places.ForEach(place => place.Client.NotifyNetworkChanged());
        double[] seconds = await Task.WhenAll(_places.Select(async place =>
        {
            await foreach (CampfireStatus status in place.Client.WatchStatusAsync(watching.Token))
            {
                if (status.State is CampfireConnectionState.Reconnecting)
                    break;
            }

            return Stopwatch.GetElapsedTime(silent).TotalSeconds;
        })).WaitAsync(Patience, cancellationToken);
        target.Emulator!.Faults.EndHalfOpen();
        string what = isHinted ? "half-open link noticed after a hint" : "half-open link noticed";
        return
        [
            new Figure($"{what}, first of {seconds.Length}", seconds.Min(), "s"),
            new Figure($"{what}, last of {seconds.Length}", seconds.Max(), "s", limit, seconds.Max() <= most),
        ];
    }

    private static async Task UntilAsync(Func<bool> isTrue, string what, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        while (!isTrue())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
                throw new ChaosException($"Waited {Patience.TotalSeconds:0} s in vain until {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), cancellationToken);
        }
    }
}

using System.Diagnostics;
using Campfire.Realtime.Chaos.Faults;
using Campfire.Realtime.Chaos.Judging;
using Campfire.Realtime.Chaos.Running;
using QuickStart;

namespace Campfire.Realtime.Chaos;

/// <summary>Many messages, many faults, and readers that must see each message once and in order.</summary>
internal sealed class ChaosRun(ChaosOptions options) : IDisposable
{
    private const string Desk = "desk";
    private const int MessagesPerConversation = 100;
    private const int MaxConversations = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(5);

    // What comes twice comes soon after; two tail checks of the clients go by meanwhile.
    private static readonly TimeSpan Afterwards = TimeSpan.FromSeconds(4);

    // Five minutes for the run that is the default, and more for a larger one.
    private readonly TimeSpan _limit = TimeSpan.FromMinutes(5) * Math.Max(1, Math.Max(options.Messages / 20_000.0, options.Faults / 200.0));
    private readonly RunLog _log = new();
    private readonly List<CampfireClient> _clients = [];
    private readonly List<Reader> _readers = [];
    private readonly List<Sender> _senders = [];
    private readonly CancellationTokenSource _over = new();
    private int _faults;

    /// <returns>Whether nothing was lost, duplicated or reordered.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<FaultKind> kinds = options.UseSupabase ? ProxyFaultField.Kinds : EmulatorFaultField.Kinds;
        IReadOnlyList<PlannedFault> schedule = FaultSchedule.Draw(options.Seed, options.Faults, kinds);
        int conversations = Math.Clamp(options.Messages / MessagesPerConversation, 1, MaxConversations);
        Announce(conversations);

        await using SupabaseTarget target = options.UseSupabase ? await Target.OpenProjectAsync(cancellationToken) : await Target.StartEmulatorAsync(cancellationToken);
        await using SupportTeam team = await SupportTeam.CreateAsync(target, agents: 3, conversations, cancellationToken);
        await using FaultyProxy? proxy = options.UseSupabase ? FaultyProxy.Start(Target.Realtime(target)) : null;
        using var http = new FaultyHttp();
        var factory = new ClientFactory(target, _log, proxy?.Url, http) { IsImpatient = true };
        try
        {
            await OpenAsync(factory, team, cancellationToken);
            FaultField field = proxy is null ? new EmulatorFaultField(target.Emulator!, team, http, _readers) : new ProxyFaultField(proxy, http, _readers);
            Console.WriteLine($"{_clients.Count} clients have joined {_readers.Count} times after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s.");

            Task[] reading = [.. _readers.Select(reader => reader.ReadAsync(_over.Token))];
            using var progress = new Timer(_ => ShowProgress(started), null, ProgressInterval, ProgressInterval);
            bool isComplete = await SendThroughFaultsAsync(schedule, field, started, cancellationToken);
            IReadOnlyDictionary<Guid, IReadOnlyList<Seen>> stored = await team.ReadMessagesAsync(cancellationToken);
            await AwaitArrivalsAsync(stored, started, cancellationToken);
            await _over.CancelAsync();
            await Task.WhenAll(reading);

            var report = new ChaosReport(
                options, _faults, JudgeAll(stored), _log.RecoveredEvents, Stopwatch.GetElapsedTime(started), isComplete && _faults == options.Faults);
            report.Print(_readers, _senders, [.. field.Effects, ("RequestsHit", http.Hit), ("LinksFoundDead", _log.DeadLinks), ("ConnectionsLost", _log.LostConnections)], _log.Errors);
            if (options.Json is not null)
                await report.WriteJsonAsync(options.Json.FullName, cancellationToken);
            return report.IsPerfect;
        }
        finally
        {
            await _over.CancelAsync();
            await Task.WhenAll(_clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    public void Dispose()
    {
        _over.Dispose();
        _log.Dispose();
    }

    private void Announce(int conversations)
    {
        Console.WriteLine($"{options.Messages} messages, {options.Faults} faults, {conversations} conversations; --seed {options.Seed} repeats the faults.");
        Console.WriteLine($"Clients notice and repair sooner than at defaults: {ClientFactory.ImpatientOptions}.");
        Console.WriteLine(options.UseSupabase
            ? "Against a project only connections, requests and readers are disturbed; the faults of the emulator's Realtime and database are left out. The visitors only read: their limit stays."
            : Target.RaisedLimits);
        Console.WriteLine("Refusals that end a membership by design (no permission, more than three refused tokens a minute) are left out.");
    }

    // In each conversation its visitor and two agents read, each with a client of its own, and all three write. One client more, the
    // desk, is in all conversations at once; it writes, too, and is judged like the others.
    private async Task OpenAsync(ClientFactory factory, SupportTeam team, CancellationToken cancellationToken)
    {
        CampfireClient NewClient(Func<string> token)
        {
            CampfireClient client = factory.Create(token);
            _clients.Add(client);
            return client;
        }

        CampfireClient desk = NewClient(() => team.AgentToken(2));
        await desk.ConnectAsync(cancellationToken);
        var seats = new List<(string Name, Desk Desk, CampfireClient Client)>();
        foreach (Desk conversation in team.Desks)
        {
            seats.Add(("visitor", conversation, NewClient(() => team.VisitorToken(conversation))));
            seats.Add(("ada", conversation, NewClient(() => team.AgentToken(0))));
            seats.Add(("ben", conversation, NewClient(() => team.AgentToken(1))));
            seats.Add((Desk, conversation, desk));
        }

        var places = new (Reader Reader, Conversation Conversation)[seats.Count];
        await Parallel.ForAsync(0, seats.Count, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken }, async (i, ct) =>
        {
            (string name, Desk conversation, CampfireClient client) = seats[i];
            await client.ConnectAsync(ct);
            Conversation joined = await client.JoinConversationAsync(team.OrganizationId, conversation.Id, ct);
            places[i] = (new Reader(name, conversation, joined), joined);
        });
        _readers.AddRange(places.Select(place => place.Reader));

        (string Name, Desk Desk, Conversation Conversation)[] writing =
            [.. _readers.Where(reader => !options.UseSupabase || reader.Name != "visitor").Select(reader => (reader.Name, reader.Desk, reader.Conversation))];
        for (int i = 0; i < writing.Length; i++)
        {
            int share = (options.Messages / writing.Length) + (i < options.Messages % writing.Length ? 1 : 0);
            _senders.Add(new Sender(writing[i].Name, writing[i].Desk, writing[i].Conversation, share));
        }
    }

    // True when everything was sent and every fault has happened in time.
    private async Task<bool> SendThroughFaultsAsync(IReadOnlyList<PlannedFault> schedule, FaultField field, long started, CancellationToken cancellationToken)
    {
        using var sending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        sending.CancelAfter(_limit - Patience - Afterwards - Stopwatch.GetElapsedTime(started));
        var pace = new Pace(options.Messages, schedule.Aggregate(TimeSpan.Zero, (sum, fault) => sum + fault.After));
        Task[] sends = [.. _senders.Select(sender => sender.SendAsync(pace, sending.Token))];
        Task faults = DisturbAsync(schedule, field, pace, sending.Token);
        try
        {
            await Task.WhenAll([faults, .. sends]);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Console.WriteLine($"Sending was not done in time: {Acknowledged} of {options.Messages} are stored after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s.");
            return false;
        }
        finally
        {
            await field.EndAllAsync();
        }
    }

    private int Acknowledged => _senders.Sum(sender => sender.Acknowledged);

    // Messages and faults keep in step: neither shall be over long before the other.
    private async Task DisturbAsync(IReadOnlyList<PlannedFault> schedule, FaultField field, Pace pace, CancellationToken cancellationToken)
    {
        foreach (PlannedFault fault in schedule)
        {
            pace.AllowUpTo((_faults + 2.0) / schedule.Count);
            await Task.Delay(fault.After, cancellationToken);
            while ((long)_faults * options.Messages > (long)_senders.Sum(sender => sender.Done) * schedule.Count)
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
            await field.ApplyAsync(fault, cancellationToken);
            _faults++;
        }

        pace.AllowUpTo(1);
    }

    private async Task AwaitArrivalsAsync(IReadOnlyDictionary<Guid, IReadOnlyList<Seen>> stored, long started, CancellationToken cancellationToken)
    {
        while (_readers.Any(reader => reader.Count < stored[reader.Desk.Id].Count))
        {
            if (Stopwatch.GetElapsedTime(started) > _limit - Afterwards || _readers.All(reader => reader.Silence > Patience))
                return;
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        await Task.Delay(Afterwards, cancellationToken);
    }

    private Verdict JudgeAll(IReadOnlyDictionary<Guid, IReadOnlyList<Seen>> stored)
    {
        Verdict verdict = default;
        foreach (IGrouping<Guid, Sender> conversation in _senders.GroupBy(sender => sender.Desk.Id))
            verdict += Judge.Storage(conversation.ToDictionary(sender => sender.Name, sender => sender.Acknowledged, StringComparer.Ordinal), stored[conversation.Key]);
        foreach (Reader reader in _readers)
        {
            Verdict own = Judge.Delivery(stored[reader.Desk.Id], reader.Arrived);
            if (!own.IsPerfect)
                Console.WriteLine($"{reader.Name} in {reader.Desk.Id}: {own.Lost} lost, {own.Duplicated} duplicated, {own.Reordered} reordered");
            verdict += own;
        }

        return verdict;
    }

    private void ShowProgress(long started) => Console.WriteLine(
        $"  {Stopwatch.GetElapsedTime(started).TotalSeconds,4:0} s: {Acknowledged} stored, {_readers.Sum(reader => (long)reader.Count)} arrived, "
        + $"{_faults} faults, {_readers.Count(reader => reader.Conversation.IsLive)} of {_readers.Count} live, {_log.RecoveredEvents} recovered");
}

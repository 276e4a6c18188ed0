using System.Diagnostics;
using Campfire.Realtime;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations;
using Campfire.Realtime.Protocol;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace QuickStart;

/// <summary>Everything a support chat needs, on one machine: the database, the widget API, a visitor and an agent.</summary>
internal static class QuickStartRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<int> ExecuteAsync(QuickStartOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(options, cancellationToken) ? 0 : 1;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.Error.WriteLine("Stopped.");
            return 130;
        }
        catch (Exception e) when (e is QuickStartException or CampfireException or CampfireEmulatorException or CampfireMigrationException
            or NpgsqlException or HttpRequestException or IOException or ArgumentException)
        {
            Console.Error.WriteLine($"QuickStart: {e.Message}");
            return 1;
        }
    }

    private static async Task<bool> RunAsync(QuickStartOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<Turn> turns = await Transcript.ReadAsync(
            options.Transcript?.FullName ?? Path.Combine(AppContext.BaseDirectory, "transcript.jsonl"), cancellationToken);
        int count = options.Messages ?? turns.Count;

        Console.WriteLine(options.UseSupabase ? "Using the Supabase project of the environment…" : "Starting the local Supabase…");
        await using SupabaseTarget target = options.UseSupabase
            ? SupabaseTarget.FromEnvironment()
            : await SupabaseTarget.StartEmulatorAsync(cancellationToken);
        MigrationResult migrations = await new CampfireMigrator(target.Database).MigrateAsync(cancellationToken);
        Console.WriteLine($"{target.Url} is ready, {migrations.Applied.Count} migrations applied.");

        await using SupportTeam team = await SupportTeam.CreateAsync(target, cancellationToken);
        using var log = new RunLog();
        await using WebApplication api = await WidgetApi.StartAsync(target, log, cancellationToken);

        // The visitor: a widget that knows its key and asks the team's server to be let in.
        using var http = new HttpClient();
        var visitor = new Visitor(http, new Uri(api.Urls.First()), team.WidgetKey);
        (WidgetSession session, TimeSpan widgetAuth) = await visitor.AuthenticateAsync(cancellationToken);
        Console.WriteLine($"The widget API at {api.Urls.First()} opened conversation {session.ConversationId} in {widgetAuth.TotalMilliseconds:0} ms.");
        await using CampfireClient visitorClient = NewClient(target, log, visitor.GetTokenAsync);
        await visitorClient.ConnectAsync(cancellationToken);
        await using Conversation visitorSide = await visitorClient.JoinConversationAsync(session.OrganizationId, session.ConversationId, cancellationToken);

        // The agent: signed in, and a member of the organization.
        await using CampfireClient agentClient = NewClient(target, log, _ => ValueTask.FromResult(team.CreateAgentToken()));
        await agentClient.ConnectAsync(cancellationToken);
        await using Conversation agentSide = await agentClient.JoinConversationAsync(session.OrganizationId, session.ConversationId, cancellationToken);

        // A second agent looks at the bare channels, where nothing that was lost on the way is recovered.
        await using CampfireClient auditor = NewClient(target, log, _ => ValueTask.FromResult(team.CreateAgentToken()));
        await auditor.ConnectAsync(cancellationToken);
        (ChannelName Name, ChannelTally Tally)[] channels =
        [
            (ChannelName.Conversation(session.OrganizationId, session.ConversationId), new ChannelTally(EventNames.MessageCreated, count)),
            (ChannelName.Organization(session.OrganizationId), new ChannelTally(EventNames.ConversationUpdated, count)),
            (ChannelName.Conversations(session.OrganizationId), new ChannelTally(EventNames.MessageCreated, count)),
        ];
        var readers = new List<Task>();
        foreach ((ChannelName name, ChannelTally tally) in channels)
            readers.Add(tally.ReadAsync(await auditor.JoinChannelAsync(name, cancellationToken), CancellationToken.None));

        TimeSpan clockOffset = options.UseSupabase ? -await team.MeasureClockOffsetAsync(cancellationToken) : TimeSpan.Zero;
        Observer[] sides = [new("visitor", count, clockOffset), new("agent", count, clockOffset)];
        readers.Add(sides[0].ReadAsync(visitorSide, CancellationToken.None));
        readers.Add(sides[1].ReadAsync(agentSide, CancellationToken.None));

        Console.WriteLine($"Replaying {count} messages between visitor and agent…");
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<Sent> sent = await ReplayAsync(turns, count, visitorSide, agentSide, cancellationToken);
        TimeSpan sending = Stopwatch.GetElapsedTime(started);
        await WaitForAllAsync([.. sides.Select(side => side.All), .. channels.Select(channel => channel.Tally.All)], sides, cancellationToken);

        var report = new Report(
            count, sending, widgetAuth, [.. sides.Select(side => (side.Name, side.Judge(sent)))],
            [.. channels.Select(channel => (channel.Name, channel.Tally.Counts(), channel.Tally.IsComplete))],
            Latency.Of(sides.SelectMany(side => side.Latencies)), log.BindingMismatchErrors);
        report.Print();
        if (options.Json is not null)
            await report.WriteJsonAsync(options.Json.FullName, cancellationToken);

        await visitorClient.DisposeAsync();
        await agentClient.DisposeAsync();
        await auditor.DisposeAsync();
        await Task.WhenAll(readers);
        return report.IsPerfect;
    }

    private static CampfireClient NewClient(SupabaseTarget target, RunLog log, Func<CancellationToken, ValueTask<string>> accessToken) => new(new CampfireClientOptions
    {
        Url = target.Url,
        RealtimeUrl = target.RealtimeUrl,
        RestUrl = target.RestUrl,
        ApiKey = target.AnonKey,
        AccessToken = accessToken,
        LoggerFactory = log,
    });

    private static async Task<IReadOnlyList<Sent>> ReplayAsync(
        IReadOnlyList<Turn> turns, int count, Conversation visitorSide, Conversation agentSide, CancellationToken cancellationToken)
    {
        var sent = new List<Sent>(count);
        int tenth = Math.Max(count / 10, 100);
        for (int i = 0; i < count; i++)
        {
            Turn turn = turns[i % turns.Count];
            SentMessage message = await (turn.IsVisitor ? visitorSide : agentSide).SendMessageAsync(turn.Text, cancellationToken);
            sent.Add(new Sent(message.Id, message.Sequence));
            if ((i + 1) % tenth == 0 && i + 1 < count)
                Console.WriteLine($"  {i + 1} of {count} stored, {Environment.WorkingSet / (1024 * 1024)} MB in use");
        }

        return sent;
    }

    private static async Task WaitForAllAsync(Task[] arrivals, Observer[] sides, CancellationToken cancellationToken)
    {
        Task all = Task.WhenAll(arrivals);
        while (!all.IsCompleted)
        {
            try
            {
                await all.WaitAsync(Patience, cancellationToken);
            }
            catch (TimeoutException) when (sides.All(side => side.Silence > Patience))
            {
                // Nothing has arrived for so long that nothing will: the report says what is missing.
                return;
            }
            catch (TimeoutException)
            {
                Console.WriteLine("  still waiting for events…");
            }
        }
    }
}

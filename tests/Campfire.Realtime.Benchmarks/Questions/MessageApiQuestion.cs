using System.Diagnostics;
using System.Globalization;
using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;

namespace Campfire.Realtime.Benchmarks.Questions;

// Requests come by the clock, whether those before have been answered or not, as visitors do: a server that falls behind is
// seen in every later request.
internal sealed class MessageApiQuestion : IQuestion
{
    private const int PerSecond = 200;

    // A visitor may send ten messages in ten seconds.
    private const int Conversations = 2 * PerSecond;

    public string Name => "message-api";

    public string Text => "How long until a message that was posted to the server has reached all three channels?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        await using ServerProcess project = await ServerProcess.StartAsync(ServerProcess.Project, cancellationToken);
        await using ServerProcess server = await ServerProcess.StartAsync(ServerProcess.Sdk, cancellationToken, project.Address);
        using WidgetCaller widgets = new(server.Address.Url, project.Address.Project!);
        List<WidgetSession> sessions = [];
        while (sessions.Count < Conversations)
            sessions.Add(await widgets.OpenAsync(cancellationToken));
        await using Dashboard dashboard = await Dashboard.ConnectAsync(
            project.Address.Project!, sessions.Select(session => session.ConversationId), cancellationToken);

        int seconds = bench.Seconds;
        await SendAsync(5 * PerSecond);
        double before = await server.ReadResidentMegabytesAsync(cancellationToken);
        double[] times = await SendAsync(seconds * PerSecond);
        double after = await server.ReadResidentMegabytesAsync(cancellationToken);

        // One round for each second: what disturbs the machine for a moment is seen in the slowest.
        double[][] rounds = [.. times.Chunk(PerSecond)];
        Rounds half = Sampler.Percentile(rounds, 0.5);
        Rounds most = new([Sampler.Percentile(times, 0.99)]);
        string load = string.Create(CultureInfo.InvariantCulture, $"{PerSecond} requests/s for {seconds} s, 0 errors");
        Rounds growth = new([after - before]);
        return
        [
            Figure.Alone($"message request to all three channels, p50, {load}", "ms", half, "at most 8 ms", half.Median <= 8),
            Figure.Alone($"message request to all three channels, p99, {load}", "ms", most, "at most 40 ms", most.Median <= 40),
            Figure.Alone("memory of the server before these requests", "MB", new Rounds([before])),
            Figure.Alone("growth of that memory by them", "MB", growth, "at most 5 % of it", growth.Median <= before * 0.05),
        ];

        async Task<double[]> SendAsync(int requests)
        {
            Task<double>[] sent = new Task<double>[requests];
            long begin = Stopwatch.GetTimestamp();
            for (int request = 0; request < requests; request++)
            {
                TimeSpan wait = TimeSpan.FromSeconds((double)request / PerSecond) - Stopwatch.GetElapsedTime(begin);
                if (wait > TimeSpan.Zero)
                    await Task.Delay(wait, cancellationToken);
                sent[request] = SendOneAsync(sessions[request % sessions.Count]);
            }

            return await Task.WhenAll(sent).WaitAsync(TimeSpan.FromMinutes(1), cancellationToken);
        }

        async Task<double> SendOneAsync(WidgetSession session)
        {
            long start = Stopwatch.GetTimestamp();
            long sequence = await widgets.SendAsync(session, "Hello, where is my order?", cancellationToken);
            long end = await dashboard.ReachAsync(session.ConversationId, sequence);
            return Stopwatch.GetElapsedTime(start, end).TotalMilliseconds;
        }
    }
}

using System.Diagnostics;
using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class WidgetAuthQuestion : IQuestion
{
    public string Name => "widget-auth";

    public string Text => "How long does a widget wait to be let in?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        await using ServerProcess project = await ServerProcess.StartAsync(ServerProcess.Project, cancellationToken);
        await using ServerProcess server = await ServerProcess.StartAsync(ServerProcess.Sdk, cancellationToken, project.Address);
        using WidgetCaller widgets = new(server.Address.Url, project.Address.Project!);
        for (int call = 0; call < bench.Calls; call++)
            await widgets.OpenAsync(cancellationToken);

        List<double[]> rounds = [];
        for (int round = 0; round < bench.Rounds; round++)
        {
            double[] times = new double[bench.Calls];
            for (int call = 0; call < times.Length; call++)
            {
                long start = Stopwatch.GetTimestamp();
                await widgets.OpenAsync(cancellationToken);
                times[call] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }

            rounds.Add(times);
        }

        Rounds half = Sampler.Percentile(rounds, 0.5);
        Rounds most = Sampler.Percentile(rounds, 0.99);
        return
        [
            Figure.Alone("widget authentication, p50", "ms", half, "at most 10 ms", half.Median <= 10),
            Figure.Alone("widget authentication, p99", "ms", most, "at most 50 ms", most.Median <= 50),
        ];
    }
}

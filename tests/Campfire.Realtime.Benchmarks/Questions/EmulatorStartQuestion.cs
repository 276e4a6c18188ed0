using System.Diagnostics;
using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;
using Campfire.Realtime.Emulator;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class EmulatorStartQuestion : IQuestion
{
    public string Name => "emulator-start";

    public string Text => "How long does the emulator take from its start to the first join, its template being there?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        Rounds empty = await MeasureAsync(bench, applyMigrations: false, cancellationToken);
        Rounds migrated = await MeasureAsync(bench, applyMigrations: true, cancellationToken);
        return
        [
            Figure.Alone("start to first join, empty database", "ms", empty, "at most 2,000 ms", empty.Median <= 2_000),
            Figure.Alone("start to first join, migrations applied", "ms", migrated, "at most 2,000 ms", migrated.Median <= 2_000),
        ];
    }

    private static async Task<Rounds> MeasureAsync(Workbench bench, bool applyMigrations, CancellationToken cancellationToken)
    {
        List<double> times = [];
        for (int round = -1; round < bench.Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(
                new CampfireEmulatorOptions { ApplyMigrations = applyMigrations }, cancellationToken);
            using RawSocket socket = await RawSocket.ConnectAsync(
                new Uri(emulator.Url, $"/socket/websocket?vsn=2.0.0&apikey={emulator.AnonKey}"), cancellationToken);
            await socket.SendAsync("""["1","1","realtime:first","phx_join",{"config":{}}]""", 1, cancellationToken);
            await socket.ReachAsync(1, cancellationToken);
            if (round >= 0)
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return new Rounds(times);
    }
}

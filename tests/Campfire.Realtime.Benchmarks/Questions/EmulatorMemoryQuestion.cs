using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class EmulatorMemoryQuestion : IQuestion
{
    private const int Sockets = 1_000;

    public string Name => "emulator-memory";

    public string Text => $"How much memory does the emulator hold with {Sockets:N0} sockets of two channels each?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        (Rounds bareEmpty, Rounds bare) = await MeasureAsync(bench, isEmulator: false, cancellationToken);
        (Rounds empty, Rounds full) = await MeasureAsync(bench, isEmulator: true, cancellationToken);
        return
        [
            Figure.Alone("memory of a bare Kestrel WebSocket server without a socket", "MB", bareEmpty),
            Figure.Alone($"memory of a bare Kestrel WebSocket server with {Sockets:N0} sockets", "MB", bare),
            Figure.Alone("memory of the emulator without a socket", "MB", empty),
            Figure.Alone($"memory of the emulator with {Sockets:N0} sockets of two channels", "MB", full, "at most 120 MB", full.High <= 120),
        ];
    }

    private static async Task<(Rounds Empty, Rounds Full)> MeasureAsync(Workbench bench, bool isEmulator, CancellationToken cancellationToken)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(isEmulator ? ServerProcess.Emulator : ServerProcess.Bare, cancellationToken);
        double empty = await server.ReadResidentMegabytesAsync(cancellationToken);
        await using Crowd crowd = await Crowd.GatherAsync(server, Sockets, 2, cancellationToken);
        List<double> full = [];
        for (int round = 0; round < bench.Rounds; round++)
        {
            await crowd.SendAsync(10, cancellationToken);
            full.Add(await server.ReadResidentMegabytesAsync(cancellationToken));
        }

        return (new Rounds([empty]), new Rounds(full));
    }
}

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
        await using ServerProcess emulator = await ServerProcess.StartAsync(isEmulator: true, cancellationToken);
        double empty = await emulator.ReadResidentMegabytesAsync(cancellationToken);
        await using Crowd crowd = await Crowd.GatherAsync(emulator, Sockets, 2, cancellationToken);
        List<double> resident = [];
        for (int round = 0; round < bench.Rounds; round++)
        {
            await crowd.SendAsync(10, cancellationToken);
            resident.Add(await emulator.ReadResidentMegabytesAsync(cancellationToken));
        }

        Rounds rounds = new(resident);
        return
        [
            Figure.Alone("emulator's memory without a socket (PostgreSQL not counted)", "MB", new Rounds([empty])),
            Figure.Alone($"emulator's memory with {Sockets:N0} sockets of two channels, {bench.Rounds * 10} broadcasts each", "MB", rounds, "at most 120 MB", rounds.High <= 120),
        ];
    }
}

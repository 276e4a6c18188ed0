using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class EmulatorFanOutQuestion : IQuestion
{
    private const int Receivers = 1_000;
    private const int Messages = 200;

    public string Name => "emulator-fan-out";

    public string Text => $"How many deliveries a second does a broadcast of 300 bytes to {Receivers:N0} sockets come to?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        await using ServerProcess bareServer = await ServerProcess.StartAsync(ServerProcess.Bare, cancellationToken);
        await using ServerProcess emulator = await ServerProcess.StartAsync(ServerProcess.Emulator, cancellationToken);
        await using Crowd bare = await Crowd.GatherAsync(bareServer, Receivers, 1, cancellationToken);
        await using Crowd emulated = await Crowd.GatherAsync(emulator, Receivers, 1, cancellationToken);
        List<double> bareRates = [], emulatedRates = [];
        for (int round = -2; round < bench.Rounds; round++)
        {
            double bareRate = await bare.SendAsync(Messages, cancellationToken);
            double emulatedRate = await emulated.SendAsync(Messages, cancellationToken);
            if (round < 0)
                continue;
            bareRates.Add(bareRate);
            emulatedRates.Add(emulatedRate);
        }

        Rounds baseline = new(bareRates);
        Rounds rounds = new(emulatedRates);
        return
        [
            Figure.Alone("fan-out of a bare Kestrel WebSocket server", "deliveries/s", baseline),
            Figure.Against(
                "fan-out of the emulator", "deliveries/s", rounds, baseline,
                "200,000, or within 30 % of the bare server", ratio => rounds.Median >= 200_000 || ratio >= 0.7),
        ];
    }
}

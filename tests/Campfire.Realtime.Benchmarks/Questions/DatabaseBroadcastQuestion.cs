using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;
using Npgsql;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class DatabaseBroadcastQuestion : IQuestion
{
    public string Name => "database-broadcast";

    public string Text => "How long does a broadcast take from the database to a socket?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        await using ServerProcess emulator = await ServerProcess.StartAsync(ServerProcess.Emulator, cancellationToken);
        await using NpgsqlConnection connection = new(emulator.Address.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using NpgsqlCommand send = new("select realtime.send('{\"text\":\"hello\"}', 'message', 'bench', false)", connection);
        await send.PrepareAsync(cancellationToken);
        using RawSocket socket = await RawSocket.ConnectAsync(
            new Uri(emulator.Address.Url, $"/socket/websocket?vsn=2.0.0&apikey={emulator.Address.AnonKey}"), cancellationToken);
        await socket.SendAsync("""["1","1","realtime:bench","phx_join",{"config":{}}]""", 1, cancellationToken);
        await socket.ReachAsync(1, cancellationToken);
        long frames = 1;

        async Task BroadcastAsync()
        {
            await send.ExecuteNonQueryAsync(cancellationToken);
            await socket.ReachAsync(++frames, cancellationToken);
        }

        IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(bench.Rounds, bench.Calls, [BroadcastAsync], cancellationToken);
        return
        [
            Figure.Alone("realtime.send to a socket, commit included", "ms", rounds[0], "at most 3 ms", rounds[0].Median <= 3),
        ];
    }
}

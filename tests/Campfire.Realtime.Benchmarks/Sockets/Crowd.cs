using System.Diagnostics;

namespace Campfire.Realtime.Benchmarks.Sockets;

// Many sockets that receive and one that sends. The bare server knows no channels; for it the joins are left out.
internal sealed class Crowd : IAsyncDisposable
{
    private readonly RawSocket _sender;
    private readonly IReadOnlyList<RawSocket> _receivers;
    private readonly string _message;
    private long _framesEach;

    private Crowd(RawSocket sender, IReadOnlyList<RawSocket> receivers, string message, long framesEach)
    {
        _sender = sender;
        _receivers = receivers;
        _message = message;
        _framesEach = framesEach;
    }

    public static async Task<Crowd> GatherAsync(ServerProcess server, int receivers, int channelsEach, CancellationToken cancellationToken)
    {
        Uri url = new(server.Address.Url, $"/socket/websocket?vsn=2.0.0&apikey={server.Address.AnonKey}");
        bool hasChannels = server.Address.AnonKey.Length > 0;
        List<RawSocket> sockets = [];
        for (int index = 0; index <= receivers; index++)
        {
            RawSocket socket = await RawSocket.ConnectAsync(url, cancellationToken);
            sockets.Add(socket);
            for (int channel = 0; hasChannels && channel < channelsEach; channel++)
            {
                await socket.SendAsync($"[\"1\",\"1\",\"realtime:crowd-{channel}\",\"phx_join\",{{\"config\":{{}}}}]", 1, cancellationToken);
                await socket.ReachAsync(channel + 1, cancellationToken);
            }
        }

        // The bare server passes on what it gets: the frame that the emulator makes of the other one.
        string payload = $"{{\"type\":\"broadcast\",\"event\":\"message\",\"payload\":{{\"text\":\"{new string('x', 285)}\"}}}}";
        string message = hasChannels ? $"[\"1\",\"2\",\"realtime:crowd-0\",\"broadcast\",{payload}]" : $"[null,null,\"realtime:crowd-0\",\"broadcast\",{payload}]";
        return new Crowd(sockets[^1], sockets[..^1], message, hasChannels ? channelsEach : 0);
    }

    // The deliveries of one second.
    public async Task<double> SendAsync(int messages, CancellationToken cancellationToken)
    {
        _framesEach += messages;
        Task all = Task.WhenAll(_receivers.Select(receiver => receiver.ReachAsync(_framesEach, cancellationToken)));
        long start = Stopwatch.GetTimestamp();
        await _sender.SendAsync(_message, messages, cancellationToken);
        await all;
        return (double)messages * _receivers.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public ValueTask DisposeAsync()
    {
        _sender.Dispose();
        foreach (RawSocket receiver in _receivers)
            receiver.Dispose();
        return ValueTask.CompletedTask;
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Campfire.Realtime.Benchmarks.Sockets;

// A WebSocket client that costs next to nothing, so that what is measured is the server: it counts what comes and
// reads none of it.
internal sealed class RawSocket : IDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly FrameCounter _counter = new();
    private readonly Lock _lock = new();
    private long _awaited = long.MaxValue;
    private TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<RawSocket> ConnectAsync(Uri url, CancellationToken cancellationToken)
    {
        RawSocket socket = new();
        await socket._socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, url.Port), cancellationToken);
        string request = $"GET {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        await socket._socket.SendAsync(Encoding.ASCII.GetBytes(request), cancellationToken);

        byte[] one = new byte[1];
        StringBuilder answer = new();
        while (!answer.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await socket._socket.ReceiveAsync(one, cancellationToken) == 0)
                break;
            answer.Append((char)one[0]);
        }
        if (!answer.ToString().StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
            throw new InvalidOperationException($"No upgrade: {answer}");
        _ = socket.ReadAsync();
        return socket;
    }

    // Until so many frames have come since the connection began.
    public Task ReachAsync(long frames, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = frames;
            if (_counter.Frames >= frames)
                _reached.SetResult();
            return _reached.Task.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);
        }
    }

    // The same text, several times in one piece.
    public async Task SendAsync(string text, int times, CancellationToken cancellationToken)
    {
        byte[] frame = Mask(Encoding.UTF8.GetBytes(text));
        byte[] all = new byte[frame.Length * times];
        for (int index = 0; index < times; index++)
            frame.CopyTo(all, index * frame.Length);
        for (int sent = 0; sent < all.Length;)
            sent += await _socket.SendAsync(all.AsMemory(sent), cancellationToken);
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await _socket.ReceiveAsync(buffer.AsMemory()) is > 0 and int received)
            {
                lock (_lock)
                {
                    _counter.Add(buffer.AsSpan(0, received));
                    if (_counter.Frames >= _awaited)
                        _reached.TrySetResult();
                }
            }
            throw new IOException("The server closed the connection.");
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException or IOException)
        {
            // Nobody may go on waiting for what will not come.
            lock (_lock)
                _reached.TrySetException(failure);
        }
    }

    // A key of zeros is a mask that changes nothing.
    private static byte[] Mask(byte[] payload)
    {
        byte[] frame = new byte[8 + payload.Length];
        frame[0] = 0x81;
        frame[1] = 0x80 | 126;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        payload.CopyTo(frame, 8);
        return frame;
    }
}

using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>One connection through the proxy.</summary>
internal sealed class ProxyLink(Socket client, Uri upstream) : IDisposable
{
    private const int MaxHeaderBytes = 16 * 1024;
    private const int MaxQueuedChunks = 1024;

    private readonly CancellationTokenSource _cut = new();
    private Task _silence = Task.CompletedTask;
    private long _delayTicks;
    private bool _isReset;

    /// <summary>Completes when bytes may pass.</summary>
    public Task Silence
    {
        set => Volatile.Write(ref _silence, value);
    }

    public TimeSpan Delay
    {
        set => Volatile.Write(ref _delayTicks, (long)(value.TotalSeconds * Stopwatch.Frequency));
    }

    public void Cut(bool isReset)
    {
        Volatile.Write(ref _isReset, isReset);

        // What follows from it must not happen under the caller's lock.
        _ = _cut.CancelAsync();
    }

    public void Dispose() => _cut.Dispose();

    /// <summary>Carries bytes until one side ends, or the link is cut. Never throws: what a network does is no error here.</summary>
    public async Task RunAsync()
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            client.NoDelay = true;
            await server.ConnectAsync(upstream.Host, upstream.Port, _cut.Token);
            await using Stream there = await OpenAsync(server);
            await using var here = new NetworkStream(client);
            byte[] request = await ReadRequestAsync(here);
            await PassAsync();
            await there.WriteAsync(request, _cut.Token);

            // Whoever ends first ends the other, behind what was on its way.
            await Task.WhenAny(CarryAsync(here, there), CarryAsync(there, here));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // Cut, or one side is gone: both are from here on.
        }

        await _cut.CancelAsync();
        foreach (Socket socket in new[] { client, server })
        {
            if (Volatile.Read(ref _isReset))
                socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }
    }

    private async Task<Stream> OpenAsync(Socket server)
    {
        var plain = new NetworkStream(server);
        if (upstream.Scheme is not ("https" or "wss"))
            return plain;

        var secure = new SslStream(plain);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = upstream.Host }, _cut.Token);
        return secure;
    }

    // The upgrade request, with the project's name as its host.
    private async Task<byte[]> ReadRequestAsync(NetworkStream here)
    {
        byte[] buffer = new byte[MaxHeaderBytes];
        int length = 0;
        while (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
        {
            int count = await here.ReadAsync(buffer.AsMemory(length), _cut.Token);
            if (count == 0)
                throw new IOException(length == buffer.Length ? "The request has no end." : "The client left before its request was there.");
            length += count;
        }

        string[] lines = Encoding.Latin1.GetString(buffer, 0, length).Split("\r\n");
        for (int i = 1; i < lines.Length && lines[i].Length > 0; i++)
        {
            if (lines[i].StartsWith("Host:", StringComparison.OrdinalIgnoreCase))
                lines[i] = $"Host: {upstream.Authority}";
        }

        return Encoding.Latin1.GetBytes(string.Join("\r\n", lines));
    }

    private async Task CarryAsync(Stream from, Stream to)
    {
        Channel<(byte[] Bytes, long Due)> underWay = Channel.CreateBounded<(byte[] Bytes, long Due)>(MaxQueuedChunks);
        Task deliver = DeliverAsync(underWay.Reader, to);
        try
        {
            byte[] buffer = new byte[MaxHeaderBytes];
            int count;
            while ((count = await from.ReadAsync(buffer, _cut.Token)) > 0)
                await underWay.Writer.WriteAsync((buffer[..count], Stopwatch.GetTimestamp() + Volatile.Read(ref _delayTicks)), _cut.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // What was read before still arrives, unless the link was cut.
        }

        underWay.Writer.TryComplete();
        await deliver;
    }

    private async Task DeliverAsync(ChannelReader<(byte[] Bytes, long Due)> underWay, Stream to)
    {
        try
        {
            await foreach ((byte[] bytes, long due) in underWay.ReadAllAsync(_cut.Token))
            {
                long early = due - Stopwatch.GetTimestamp();
                if (early > 0)
                    await Task.Delay(TimeSpan.FromSeconds((double)early / Stopwatch.Frequency), _cut.Token);
                await PassAsync();
                await to.WriteAsync(bytes, _cut.Token);
            }

            // The end of a connection is not heard over a silent line either.
            await PassAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            await _cut.CancelAsync();
        }
    }

    private async Task PassAsync()
    {
        Task silence;
        while (!(silence = Volatile.Read(ref _silence)).IsCompleted)
            await silence.WaitAsync(_cut.Token);
    }
}

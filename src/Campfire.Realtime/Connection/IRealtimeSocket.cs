namespace Campfire.Realtime.Connection;

/// <summary>One WebSocket. The seam for scripted doubles.</summary>
internal interface IRealtimeSocket : IAsyncDisposable
{
    /// <exception cref="SocketRefusedException">The server answered the upgrade with an HTTP status.</exception>
    /// <exception cref="IOException">The server could not be reached.</exception>
    Task ConnectAsync(Uri address, CancellationToken cancellationToken);

    ValueTask SendAsync(ReadOnlyMemory<byte> frame, bool isBinary, CancellationToken cancellationToken);

    /// <exception cref="IOException">The connection broke.</exception>
    ValueTask<SocketRead> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Says goodbye, without waiting for the answer.</summary>
    Task CloseAsync(CancellationToken cancellationToken);
}

internal readonly record struct SocketRead(int Count, bool IsBinary, bool IsEndOfMessage, int? CloseCode = null);

internal sealed class SocketRefusedException(int status, string? reason, Exception? inner) : IOException($"HTTP {status}: {reason ?? "no reason given"}", inner)
{
    public int Status { get; } = status;

    public string? Reason { get; } = reason;
}

using System.Net.WebSockets;
using System.Text.Json;

namespace Campfire.Realtime.Connection;

internal sealed class WebSocketRealtimeSocket : IRealtimeSocket
{
    private readonly ClientWebSocket _socket = new();

    public WebSocketRealtimeSocket()
    {
        // The loop probes the channel server itself; a ping would only prove that the gateway lives.
        if (!OperatingSystem.IsBrowser())
            _socket.Options.KeepAliveInterval = TimeSpan.Zero;
    }

    public async Task ConnectAsync(Uri address, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsBrowser())
        {
            await ConnectCoreAsync(address, null, null, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var refusal = new RefusalReader();
        using var invoker = new HttpMessageInvoker(refusal, disposeHandler: false);
        await ConnectCoreAsync(address, invoker, refusal, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> frame, bool isBinary, CancellationToken cancellationToken)
    {
        try
        {
            await _socket.SendAsync(
                frame, isBinary ? WebSocketMessageType.Binary : WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            throw new IOException(e.Message, e);
        }
    }

    public async ValueTask<SocketRead> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            ValueWebSocketReceiveResult read = await _socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
            return read.MessageType is WebSocketMessageType.Close
                ? new SocketRead(0, false, true, (int?)_socket.CloseStatus ?? 1005)
                : new SocketRead(read.Count, read.MessageType is WebSocketMessageType.Binary, read.EndOfMessage);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            throw new IOException(e.Message, e);
        }
    }

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (_socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived))
            return;

        try
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            throw new IOException(e.Message, e);
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ConnectCoreAsync(Uri address, HttpMessageInvoker? invoker, RefusalReader? refusal, CancellationToken cancellationToken)
    {
        try
        {
            await _socket.ConnectAsync(address, invoker, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketException e)
        {
            if (refusal?.Status is { } status)
                throw new SocketRefusedException(status, refusal.Reason, e);

            // The inner exception names the cause (refused, unknown host…), the outer one only says that it failed.
            throw new IOException(e.InnerException?.Message ?? e.Message, e);
        }
    }

    /// <summary>Keeps what the server says when it refuses an upgrade; <see cref="ClientWebSocket"/> throws it away.</summary>
    private sealed class RefusalReader() : DelegatingHandler(new SocketsHttpHandler { UseCookies = false })
    {
        private const int MaxReasonBytes = 4096;

        public int? Status { get; private set; }

        public string? Reason { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode is System.Net.HttpStatusCode.SwitchingProtocols)
                return response;

            Status = (int)response.StatusCode;
            try
            {
                await response.Content.LoadIntoBufferAsync(MaxReasonBytes, cancellationToken).ConfigureAwait(false);
                using JsonDocument body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
                if (body.RootElement.ValueKind is JsonValueKind.Object && body.RootElement.TryGetProperty("error", out JsonElement error))
                    Reason = error.ToString();
            }
            catch (Exception e) when (e is JsonException or HttpRequestException)
            {
                // Not every gateway answers in JSON; the status remains.
            }

            return response;
        }
    }
}

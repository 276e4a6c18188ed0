using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Live;

// A connection to Realtime that knows nothing of the product's client, so that a fault there cannot hide one here.
internal sealed class LiveSocket : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _lock = new();
    private readonly List<LiveFrame> _frames = [];
    private TaskCompletionSource _arrived = NewSignal();
    private Task _reading = Task.CompletedTask;
    private int _lastRef;

    public async Task ConnectAsync(Uri project, string apiKey, CancellationToken cancellationToken)
    {
        UriBuilder address = new(project)
        {
            Scheme = project.Scheme == Uri.UriSchemeHttps ? "wss" : "ws",
            Path = project.AbsolutePath.TrimEnd('/') + "/realtime/v1/websocket",
            Query = $"apikey={Uri.EscapeDataString(apiKey)}&vsn=2.0.0",
        };
        await _socket.ConnectAsync(address.Uri, cancellationToken).ConfigureAwait(false);
        _reading = ReadAsync();
    }

    // Null when the server agreed, else its reason.
    public async Task<string?> JoinAsync(string topic, string token, bool hasPresence, CancellationToken cancellationToken)
    {
        JsonObject payload = new()
        {
            ["config"] = new JsonObject
            {
                ["broadcast"] = new JsonObject { ["ack"] = false, ["self"] = false, ["replication_ready"] = true },
                ["presence"] = new JsonObject { ["enabled"] = hasPresence, ["key"] = "" },
                ["postgres_changes"] = new JsonArray(),
                ["private"] = true,
            },
            ["access_token"] = token,
        };
        await SendAsync(topic, "phx_join", payload, topic, cancellationToken).ConfigureAwait(false);
        LiveFrame reply = await ReceiveAsync(frame => frame.Event == "phx_reply" && frame.Ref == topic, cancellationToken).ConfigureAwait(false);
        return reply.Text("status") == "ok" ? null : reply.Text("response", "reason") ?? "no reason given";
    }

    public Task BroadcastAsync(string topic, string userEvent, JsonObject payload, CancellationToken cancellationToken) => SendAsync(
        topic,
        "broadcast",
        new JsonObject { ["type"] = "broadcast", ["event"] = userEvent, ["payload"] = payload },
        NextRef(),
        cancellationToken);

    public Task TrackAsync(string topic, JsonObject presence, CancellationToken cancellationToken) => SendAsync(
        topic,
        "presence",
        new JsonObject { ["type"] = "presence", ["event"] = "track", ["payload"] = presence },
        NextRef(),
        cancellationToken);

    // The first frame that fits, from the beginning of the connection.
    public async Task<LiveFrame> ReceiveAsync(Func<LiveFrame, bool> predicate, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task arrived;
            lock (_lock)
            {
                if (_frames.Find(frame => predicate(frame)) is { } found)
                    return found;
                if (_reading.IsCompleted)
                    throw new WebSocketException($"Realtime closed the connection ({_socket.CloseStatus?.ToString() ?? "without a reason"}).");
                arrived = _arrived.Task;
            }
            await Task.WhenAny(arrived, _reading).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public bool HasReceived(Func<LiveFrame, bool> predicate)
    {
        lock (_lock)
            return _frames.Exists(frame => predicate(frame));
    }

    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync().ConfigureAwait(false);
        _socket.Abort();
        await _reading.ConfigureAwait(false);
        _socket.Dispose();
        _sending.Dispose();
        _disposing.Dispose();
    }

    // A topic is joined once on a socket, so it serves as the ref of its join, which is its join_ref.
    private async Task SendAsync(
        string topic, string phoenixEvent, JsonObject payload, string reference, CancellationToken cancellationToken)
    {
        byte[] frame = LiveFrame.Format(joinRef: topic, reference, topic, phoenixEvent, payload);
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        byte[] buffer = new byte[16 * 1024];
        using MemoryStream message = new();
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult result = await _socket.ReceiveAsync(buffer.AsMemory(), _disposing.Token).ConfigureAwait(false);
                if (result.MessageType == WebSocketMessageType.Close)
                    return;
                message.Write(buffer, 0, result.Count);
                if (!result.EndOfMessage)
                    continue;
                if (LiveFrame.Parse(message.ToArray(), result.MessageType == WebSocketMessageType.Text) is { } frame)
                    Add(frame);
                message.SetLength(0);
            }
        }
        // Whoever waits is told that the connection is gone.
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
    }

    private void Add(LiveFrame frame)
    {
        TaskCompletionSource arrived;
        lock (_lock)
        {
            _frames.Add(frame);
            arrived = _arrived;
            _arrived = NewSignal();
        }
        arrived.SetResult();
    }

    private string NextRef() => Interlocked.Increment(ref _lastRef).ToString(CultureInfo.InvariantCulture);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

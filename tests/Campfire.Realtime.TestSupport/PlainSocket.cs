using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.TestSupport;

// A WebSocket client that knows nothing of Campfire, so that a fault in our own client cannot hide one of a server.
public sealed class PlainSocket : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket;
    private readonly Task _reading;
    private readonly Lock _lock = new();
    private readonly List<PlainFrame> _unread = [];
    private readonly CancellationTokenSource _disposing = new();
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _lastRef;

    private PlainSocket(ClientWebSocket socket, bool isVersion1)
    {
        _socket = socket;
        IsVersion1 = isVersion1;
        _reading = ReadAsync();
    }

    public bool IsVersion1 { get; }

    // What has arrived and was not taken by ReceiveAsync.
    public IReadOnlyList<PlainFrame> Unread
    {
        get
        {
            lock (_lock)
                return [.. _unread];
        }
    }

    // Ends when the connection does: with the server's close code, or null when there was no close frame.
    public async Task<int?> ClosedAsync(TimeSpan? deadline = null)
    {
        await _reading.WaitAsync(deadline ?? Deadline);
        return (int?)_socket.CloseStatus;
    }

    public static async Task<PlainSocket> ConnectAsync(
        Uri url, string apiKey, string? vsn = "2.0.0", string path = "/realtime/v1/websocket", Action<ClientWebSocketOptions>? configure = null)
    {
        var query = vsn is null ? $"?apikey={apiKey}" : $"?apikey={apiKey}&vsn={vsn}";
        return await ConnectAsync(new Uri(url, path + query), isVersion1: vsn is null || vsn.StartsWith('1'), configure);
    }

    public static async Task<PlainSocket> ConnectAsync(Uri address, bool isVersion1, Action<ClientWebSocketOptions>? configure = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        // Nothing goes out but what a test sends; a ping of the runtime's own would count as life.
        socket.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        configure?.Invoke(socket.Options);
        var builder = new UriBuilder(address) { Scheme = address.Scheme is "https" or "wss" ? "wss" : "ws" };
        using var deadline = new CancellationTokenSource(Deadline);
        await socket.ConnectAsync(builder.Uri, deadline.Token);
        return new PlainSocket(socket, isVersion1);
    }

    public Task SendAsync(string text) => _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    public Task SendAsync(byte[] bytes, bool endOfMessage = true) => _socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage, CancellationToken.None);

    // Sends an event in the socket's version and returns its ref.
    public async Task<string> PushAsync(string topic, string phoenixEvent, JsonNode? payload, string? joinRef = null)
    {
        var reference = NextRef();
        await PushAsync(topic, phoenixEvent, payload, joinRef, reference);
        return reference;
    }

    public Task PushAsync(string topic, string phoenixEvent, JsonNode? payload, string? joinRef, string reference)
    {
        JsonNode frame = IsVersion1
            ? new JsonObject { ["topic"] = topic, ["event"] = phoenixEvent, ["payload"] = payload ?? new JsonObject(), ["ref"] = reference, ["join_ref"] = joinRef }
            : new JsonArray(joinRef, reference, topic, phoenixEvent, payload ?? new JsonObject());
        return SendAsync(frame.ToJsonString());
    }

    // Joins and returns the reply's payload; the join's ref is its join_ref.
    public async Task<(string JoinRef, JsonNode Reply)> JoinAsync(string topic, JsonObject? config = null, string? token = null)
    {
        var payload = new JsonObject { ["config"] = config ?? [] };
        if (token is not null)
            payload["access_token"] = token;
        var joinRef = NextRef();
        await PushAsync(topic, "phx_join", payload, joinRef, joinRef);
        var reply = await ReceiveAsync(frame => frame.Event == "phx_reply" && frame.Ref == joinRef);
        return (joinRef, reply.Payload!);
    }

    // Everything that the server sent for the topic before it got this is in Unread when this ends.
    public async Task BarrierAsync(string topic, string? joinRef = null)
    {
        var reference = await PushAsync(topic, "presence", new JsonObject(), joinRef);
        await ReceiveAsync(frame => frame.Event == "phx_reply" && frame.Ref == reference);
    }

    public Task<PlainFrame> ReplyToAsync(string reference) => ReceiveAsync(frame => frame.Event == "phx_reply" && frame.Ref == reference);

    public Task<PlainFrame> NextAsync(TimeSpan? deadline = null) => ReceiveAsync(_ => true, deadline);

    public Task<PlainFrame> EventAsync(string phoenixEvent) => ReceiveAsync(frame => frame.Event == phoenixEvent);

    public Task<PlainFrame> BinaryAsync() => ReceiveAsync(frame => frame.IsBinary);

    // Takes the first frame that fits and leaves the others for later.
    public async Task<PlainFrame> ReceiveAsync(Func<PlainFrame, bool> predicate, TimeSpan? deadline = null)
    {
        using var timeout = new CancellationTokenSource(deadline ?? Deadline);
        while (true)
        {
            Task arrived;
            lock (_lock)
            {
                var index = _unread.FindIndex(frame => predicate(frame));
                if (index >= 0)
                {
                    var frame = _unread[index];
                    _unread.RemoveAt(index);
                    return frame;
                }
                if (_reading.IsCompleted)
                    throw new InvalidOperationException($"The socket was closed ({_socket.CloseStatus}) and no such frame came. Unread: {Describe()}");
                arrived = _arrived.Task;
            }
            try
            {
                await Task.WhenAny(arrived, _reading).WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No such frame came in time. Unread: {Describe()}");
            }
        }
    }

    public Task CloseAsync() => _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync();
        _socket.Abort();
        await _reading;
        _socket.Dispose();
        _disposing.Dispose();
    }

    private string NextRef() => Interlocked.Increment(ref _lastRef).ToString(CultureInfo.InvariantCulture);

    private string Describe()
    {
        lock (_lock)
            return string.Join(" | ", _unread);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.AsMemory(), _disposing.Token);
                if (result.MessageType == WebSocketMessageType.Close)
                    break;
                message.Write(buffer, 0, result.Count);
                if (!result.EndOfMessage)
                    continue;
                Add(new PlainFrame(result.MessageType == WebSocketMessageType.Binary, message.ToArray()));
                message.SetLength(0);
            }
        }
        // An aborted ClientWebSocket is a disposed one to a read that begins a moment later.
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
    }

    private void Add(PlainFrame frame)
    {
        TaskCompletionSource arrived;
        lock (_lock)
        {
            _unread.Add(frame);
            arrived = _arrived;
            _arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        arrived.SetResult();
    }
}

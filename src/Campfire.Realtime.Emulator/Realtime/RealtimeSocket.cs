using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Faults;
using Campfire.Realtime.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Realtime;

// One WebSocket: a loop that reads and decides, one frame at a time, and a loop that writes what anybody queued.
internal sealed partial class RealtimeSocket : IDisposable
{
    private const int MaxFrameBytes = 5_000_000;
    private const int FirstBufferBytes = 2 * 1024;
    private static readonly TimeSpan _closeGrace = TimeSpan.FromSeconds(1);

    private readonly RealtimeServices _services;
    private readonly WebSocket _socket;
    private readonly string _connectionToken;
    private readonly string _headersJson;
    private readonly Action _abortConnection;
    private readonly ILogger _logger;
    private readonly Channel<OutboundFrame> _outbound;
    private readonly ConcurrentDictionary<string, RealtimeChannel> _channels = new(concurrencyLevel: 1, capacity: 4, StringComparer.Ordinal);
    private readonly CancellationTokenSource _aborted = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lifetime = new();
    private bool _hasEnded;
    private ITimer? _idle;
    private volatile bool _isClosing;
    private volatile bool _hasTriedToJoin;

    public RealtimeSocket(
        RealtimeServices services, WebSocket socket, WireVersion version, string connectionToken, string headersJson, Action abortConnection, ILogger logger)
    {
        _services = services;
        _socket = socket;
        _connectionToken = connectionToken;
        _headersJson = headersJson;
        _abortConnection = abortConnection;
        _logger = logger;
        Version = version;
        Aborted = _aborted.Token;
        _outbound = Channel.CreateBounded<OutboundFrame>(
            new BoundedChannelOptions(services.Limits.MaxQueuedFramesPerSocket) { SingleReader = true });
    }

    public WireVersion Version { get; }

    public CancellationToken Aborted { get; }

    // It has tried to join, and has no channel.
    public bool IsAbandoned => _hasTriedToJoin && _channels.IsEmpty;

    public void Send(in OutboundFrame frame)
    {
        // The queue refuses when it is full, or when the socket began to close in between.
        if (_isClosing || _outbound.Writer.TryWrite(frame) || _isClosing)
            return;
        _isClosing = true;
        // Not here: whoever sends may hold a topic's gate. What an abort sets off ends in the same gates, and a log is somebody else's code.
        ThreadPool.UnsafeQueueUserWorkItem(static socket => socket.DropSlow(), this, preferLocal: false);
    }

    public void Forget(RealtimeChannel channel) =>
        _channels.TryRemove(KeyValuePair.Create(Topic.Prefix + channel.SubTopic, channel));

    public void Abort()
    {
        _isClosing = true;

        // Whoever aborts comes from outside; the request and its connection are gone once the socket has ended by itself.
        lock (_lifetime)
        {
            if (_hasEnded)
                return;
            _abortConnection();
            _aborted.Cancel();
        }
    }

    public void Dispose()
    {
        lock (_lifetime)
        {
            _hasEnded = true;
            _aborted.Dispose();
        }
    }

    // The client sent something, be it a ping.
    public void NoteActivity() => _idle?.Change(_services.Limits.IdleTimeout, Timeout.InfiniteTimeSpan);

    // As a Realtime that reloads the project: each topic is told, then the socket closes with "service restart".
    public void Drain()
    {
        foreach (var channel in _channels.Values)
            channel.AnnounceDisconnect();
        _ = CloseAsync((WebSocketCloseStatus)1012);
    }

    public async Task CloseAsync(WebSocketCloseStatus status)
    {
        Send(OutboundFrame.Close(status));
        _isClosing = true;
        try
        {
            await _ended.Task.WaitAsync(_closeGrace, _services.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Abort();
        }
    }

    public async Task RunAsync(int drainsBefore)
    {
        _services.Sockets.Add(this);
        _idle = _services.Time.CreateTimer(
            static socket => _ = ((RealtimeSocket)socket!).CloseAsync(WebSocketCloseStatus.NormalClosure), this, _services.Limits.IdleTimeout, Timeout.InfiniteTimeSpan);
        var writing = WriteAsync();
        if (_services.Sockets.Drains != drainsBefore)
            Drain();
        try
        {
            await ReadAsync().ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or IOException)
        {
            Abort();
        }
        finally
        {
            await _idle.DisposeAsync().ConfigureAwait(false);
            foreach (var channel in _channels.Values)
                channel.TryClose();
            _isClosing = true;
            _outbound.Writer.TryComplete();
            await EndAsync(writing).ConfigureAwait(false);
            _services.Sockets.Remove(this);
            _ended.TrySetResult();
        }
    }

    // A client that has said goodbye may have stopped reading before.
    private async Task EndAsync(Task writing)
    {
        try
        {
            await writing.WaitAsync(_closeGrace, _services.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Abort();
            await writing.ConfigureAwait(false);
        }
    }

    private async Task ReadAsync()
    {
        var isOpen = true;
        while (isOpen)
        {
            // While a client is silent, no buffer is kept for it.
            var start = await _socket.ReceiveAsync(Memory<byte>.Empty, Aborted).ConfigureAwait(false);
            isOpen = await ReadMessageAsync(start).ConfigureAwait(false);
        }
    }

    // False when nothing more is to be read.
    private async ValueTask<bool> ReadMessageAsync(ValueWebSocketReceiveResult result)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
        try
        {
            var length = 0;
            while (true)
            {
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    Send(OutboundFrame.Close(_socket.CloseStatus is { } status and not WebSocketCloseStatus.Empty ? status : WebSocketCloseStatus.NormalClosure));
                    return false;
                }
                length += result.Count;
                if (length > MaxFrameBytes)
                {
                    Send(OutboundFrame.Close(WebSocketCloseStatus.MessageTooBig));
                    _isClosing = true;
                    await DrainAsync(buffer).ConfigureAwait(false);
                    return false;
                }
                if (result.EndOfMessage)
                {
                    if (!_isClosing && Receive(buffer.AsSpan(0, length), result.MessageType) is { } work)
                        await work.ConfigureAwait(false);
                    return true;
                }
                if (length == buffer.Length)
                    buffer = Enlarge(buffer);
                result = await _socket.ReceiveAsync(buffer.AsMemory(length), Aborted).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The rest of an oversized message is read and dropped, so that the client gets to see the close frame.
    private async Task DrainAsync(byte[] buffer)
    {
        using var grace = new CancellationTokenSource(_closeGrace, _services.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(grace.Token, Aborted);
        while (true)
        {
            var result = await _socket.ReceiveAsync(buffer.AsMemory(), either.Token).ConfigureAwait(false);
            if (result.MessageType == WebSocketMessageType.Close)
                return;
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            while (await _outbound.Reader.WaitToReadAsync(Aborted).ConfigureAwait(false))
            {
                while (_outbound.Reader.TryRead(out var queued))
                {
                    var frame = queued.Pending is { } pending ? await pending.ConfigureAwait(false) : queued;
                    if (frame.Type == WebSocketMessageType.Close)
                    {
                        await _socket.CloseOutputAsync(frame.CloseStatus, null, Aborted).ConfigureAwait(false);
                        return;
                    }
                    await _socket.SendAsync(frame.Bytes, frame.Type, endOfMessage: true, Aborted).ConfigureAwait(false);
                }
            }
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or IOException)
        {
            Abort();
        }
    }

    private Task? Receive(ReadOnlySpan<byte> bytes, WebSocketMessageType type)
    {
        if (!TryRead(bytes, type, out var frame, out var error))
        {
            MalformedFrame(error.Code);
            return null;
        }

        if (frame.Topic.SequenceEqual(PhoenixEvents.Topic) && frame.Is(PhoenixEvents.Heartbeat))
        {
            Send(ServerFrames.Ok(Version, default, frame.Ref, frame.Topic));
            return null;
        }
        var topic = Encoding.UTF8.GetString(frame.Topic);
        if (frame.Is(PhoenixEvents.Join) && frame.Kind == FrameKind.Text)
            return ReceiveJoin(frame, topic);
        if (_channels.TryGetValue(topic, out var channel))
        {
            if (!frame.Is(PhoenixEvents.Leave))
                return channel.Receive(frame);
            // The leave of an instance that was replaced must not end its successor.
            if (!frame.HasJoinRef || channel.JoinRef.IsEmpty || frame.JoinRef.SequenceEqual(channel.JoinRef))
                channel.Leave(frame.Ref);
            return null;
        }
        if (frame.Is(PhoenixEvents.Leave))
            Send(ServerFrames.Ok(Version, frame.JoinRef, frame.Ref, frame.Topic));
        else
            Send(ServerFrames.Refusal(Version, default, frame.Ref, frame.Topic, "unmatched topic"));
        return null;
    }

    private bool TryRead(ReadOnlySpan<byte> bytes, WebSocketMessageType type, out Frame frame, out WireError error)
    {
        if (type == WebSocketMessageType.Text)
            return FrameReader.TryReadText(bytes, Version, out frame, out error);
        if (Version == WireVersion.V2)
        {
            if (!FrameReader.TryReadBinary(bytes, WireDirection.ToServer, out frame, out error))
                return false;
            // Realtime parses a push's metadata, and uses nothing of it.
            if (frame.Metadata.IsEmpty || IsJson(frame.Metadata))
                return true;
            error = new WireError(WireErrorCode.NotJson, "the metadata is not JSON");
            return false;
        }
        frame = default;
        error = new WireError(WireErrorCode.BinaryInVersion1, "vsn 1.0.0 has no binary frames");
        return false;
    }

    private static bool IsJson(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text, FrameReader.JsonOptions);
            while (reader.Read())
                continue;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private Task? ReceiveJoin(in Frame frame, string topic)
    {
        if (!topic.StartsWith(Topic.Prefix, StringComparison.Ordinal))
        {
            Send(ServerFrames.Refusal(Version, default, frame.Ref, frame.Topic, "unmatched topic"));
            return null;
        }
        var subTopic = topic[Topic.Prefix.Length..];
        var request = JoinRequest.Read(frame.Payload.ToArray(), subTopic);
        return JoinAsync(request, topic, subTopic, frame.JoinRef.ToArray(), frame.Ref.ToArray());
    }

    // The read loop awaits this, so joins are serial, and the writer stops at the pending reply: like Realtime's, a
    // socket does nothing else while a join is being decided.
    private async Task JoinAsync(JoinRequest request, string topic, string subTopic, byte[] joinRef, byte[] reference)
    {
        // Not abandoned while it is at it.
        _hasTriedToJoin = false;
        var reply = new TaskCompletionSource<OutboundFrame>(TaskCreationOptions.RunContinuationsAsynchronously);
        Send(OutboundFrame.Later(reply.Task));
        try
        {
            var replaced = _channels.TryGetValue(topic, out var current) && current.TryClose() ? current : null;
            var (admission, refusal) = await DecideAsync(request, subTopic, Encoding.UTF8.GetBytes(topic)).ConfigureAwait(false);
            if (admission is null)
            {
                if (_services.Delays.JoinError > TimeSpan.Zero)
                    await Task.Delay(_services.Delays.JoinError, _services.Time, Aborted).ConfigureAwait(false);
                reply.SetResult(ServerFrames.Refusal(Version, joinRef, reference, Encoding.UTF8.GetBytes(topic), refusal!));
                replaced?.SendClosed();
                if (JoinRefusals.EndsSocket(refusal!))
                    _ = CloseAsync(WebSocketCloseStatus.EndpointUnavailable);
                return;
            }

            var channel = new RealtimeChannel(_services, this, subTopic, joinRef, request, admission);
            _channels[topic] = channel;
            channel.Open();
            _services.Sockets.CountAsUser(this);
            var response = $$"""{"postgres_changes":[{{string.Join(',', request.PostgresChanges)}}]}""";
            reply.SetResult(ServerFrames.Ok(Version, joinRef, reference, Encoding.UTF8.GetBytes(topic), response));
            replaced?.SendClosed();
            channel.Greet(admission);
        }
        finally
        {
            _hasTriedToJoin = true;
            reply.TrySetCanceled();
        }
    }

    private async Task<(Admission? Admission, string? Refusal)> DecideAsync(JoinRequest request, string subTopic, byte[] topic)
    {
        if (_services.Faults.TakeJoinRefusal(subTopic) is { } injected)
            return (null, injected);
        var token = request.AccessToken is { } given && !ApiKeys.IsOpaque(given) ? given : _connectionToken;
        var isBeyondUserLimit = !_services.Sockets.IsUser(this) && _services.Sockets.Users >= _services.Limits.MaxConcurrentUsers;
        var attempt = new JoinAttempt(request, subTopic, topic, token, _headersJson, _channels.Count, isBeyondUserLimit);
        var decided = await _services.Admission.AdmitAsync(attempt, Aborted).ConfigureAwait(false);
        return decided.Admission is not null && request.Fault is { } fault ? (null, fault) : decided;
    }

    private void DropSlow()
    {
        Abort();
        SlowSocketDropped(_services.Limits.MaxQueuedFramesPerSocket);
    }

    private static byte[] Enlarge(byte[] buffer)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    [LoggerMessage(3020, LogLevel.Warning, "A socket was closed because {Frames} frames were waiting for it.")]
    private partial void SlowSocketDropped(int frames);

    [LoggerMessage(3021, LogLevel.Warning, "MalformedWebSocketMessage: a frame was dropped ({Code}).")]
    private partial void MalformedFrame(WireErrorCode code);
}

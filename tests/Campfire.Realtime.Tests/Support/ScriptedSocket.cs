using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Tests.Support;

internal sealed record SentFrame(string? JoinRef, string? Ref, string Topic, string Event, JsonNode? Payload, string? UserEvent = null);

internal sealed class ScriptedSocket(ScriptedServer server) : IRealtimeSocket
{
    private readonly Channel<(byte[] Bytes, bool IsBinary, bool IsEnd, int? CloseCode)> _inbound = Channel.CreateUnbounded<(byte[], bool, bool, int?)>();
    private readonly Channel<SentFrame> _sent = Channel.CreateUnbounded<SentFrame>();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goodbye = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReadOnlyMemory<byte> _rest;
    private (bool IsBinary, bool IsEnd) _restKind;
    private volatile TaskCompletionSource? _asksForMore;
    private bool _hasRead;

    // A send waits for this: a line that swallows nothing.
    public Task SendGate { get; set; } = Task.CompletedTask;

    public Task Disposed => _disposed.Task;

    public Task Goodbye => _goodbye.Task;

    public Task ConnectAsync(Uri address, CancellationToken cancellationToken) => server.ConnectAsync(this, address, cancellationToken);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> frame, bool isBinary, CancellationToken cancellationToken)
    {
        await SendGate.WaitAsync(cancellationToken);
        SentFrame sent = Read(frame.Span, isBinary);
        _sent.Writer.TryWrite(sent);
        if (server.OnSent(this, sent))
            return;
        if (sent.Event == "phx_join" && server.AnswersJoins)
            Reply(sent, """{"status":"ok","response":{"postgres_changes":[]}}""");
        else if (sent.Event == "heartbeat" && server.AnswersHeartbeats)
            Reply(sent, """{"status":"ok","response":{}}""");
        else if (sent.Event == "phx_leave" && server.AnswersLeaves)
            Reply(sent, """{"status":"ok","response":{}}""");
    }

    public async ValueTask<SocketRead> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_rest.IsEmpty)
        {
            if (_hasRead)
                _asksForMore?.TrySetResult();
            (byte[] bytes, bool isBinary, bool isEnd, int? closeCode) = await _inbound.Reader.ReadAsync(cancellationToken);
            if (closeCode == 0)
                throw new IOException("The connection was reset.");
            if (closeCode is { } code)
                return new SocketRead(0, false, true, code);
            _rest = bytes;
            _restKind = (isBinary, isEnd);
            _hasRead = _asksForMore is not null;
        }

        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return new SocketRead(count, _restKind.IsBinary, _restKind.IsEnd && _rest.IsEmpty);
    }

    public Task CloseAsync(CancellationToken cancellationToken)
    {
        _goodbye.TrySetResult();
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _disposed.TrySetResult();
        return ValueTask.CompletedTask;
    }

    public async Task<SentFrame> SentAsync(string phoenixEvent)
    {
        using var deadline = new CancellationTokenSource(Within.Deadline);
        while (true)
        {
            SentFrame frame = await _sent.Reader.ReadAsync(deadline.Token);
            if (frame.Event == phoenixEvent)
                return frame;
        }
    }

    public IReadOnlyList<SentFrame> TakeSent()
    {
        var frames = new List<SentFrame>();
        while (_sent.Reader.TryRead(out SentFrame? frame))
            frames.Add(frame);
        return frames;
    }

    public void Receive(string text) => _inbound.Writer.TryWrite((Encoding.UTF8.GetBytes(text), false, true, null));

    public void ReceiveBinary(byte[] bytes) => _inbound.Writer.TryWrite((bytes, true, true, null));

    public void ReceivePart(byte[] bytes, bool isEnd) => _inbound.Writer.TryWrite((bytes, false, isEnd, null));

    // Completes when the client has come back for more.
    public async Task ReceivePartAndBeReadAsync(byte[] bytes)
    {
        var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _asksForMore = next;
        ReceivePart(bytes, isEnd: false);
        await next.Task.InTime();
    }

    public void Close(int code) => _inbound.Writer.TryWrite(([], false, true, code));

    public void Break() => _inbound.Writer.TryWrite(([], false, true, 0));

    public void Reply(SentFrame to, string payload) => Push(to.JoinRef, to.Topic, "phx_reply", payload, to.Ref);

    public void Push(string? joinRef, string topic, string phoenixEvent, string payload, string? reference = null) =>
        Receive($"[{Quoted(joinRef)},{Quoted(reference)},\"{topic}\",\"{phoenixEvent}\",{payload}]");

    public void Broadcast(string topic, string name, string payload)
    {
        byte[] topicBytes = Encoding.UTF8.GetBytes(topic), nameBytes = Encoding.UTF8.GetBytes(name);
        ReceiveBinary([4, (byte)topicBytes.Length, (byte)nameBytes.Length, 0, 1, .. topicBytes, .. nameBytes, .. Encoding.UTF8.GetBytes(payload)]);
    }

    public void SystemError(SentFrame join, string message) =>
        Push(join.JoinRef, join.Topic, "system", new JsonObject { ["extension"] = "system", ["status"] = "error", ["message"] = message, ["channel"] = "x" }.ToJsonString());

    public void CloseChannel(SentFrame join) => Push(join.JoinRef, join.Topic, "phx_close", "{}", join.JoinRef);

    private static string Quoted(string? text) => text is null ? "null" : $"\"{text}\"";

    private static SentFrame Read(ReadOnlySpan<byte> bytes, bool isBinary)
    {
        if (!isBinary)
        {
            JsonArray array = JsonNode.Parse(bytes)!.AsArray();
            return new SentFrame((string?)array[0], (string?)array[1], (string)array[2]!, (string)array[3]!, array[4]);
        }

        if (!FrameReader.TryReadBinary(bytes, WireDirection.ToServer, out Frame frame, out WireError error))
            throw new InvalidOperationException($"The client sent a malformed frame: {error}");
        return new SentFrame(
            Encoding.UTF8.GetString(frame.JoinRef), Encoding.UTF8.GetString(frame.Ref), Encoding.UTF8.GetString(frame.Topic), Encoding.UTF8.GetString(frame.Event),
            JsonNode.Parse(frame.Payload), Encoding.UTF8.GetString(frame.UserEvent));
    }
}

using System.Buffers;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

/// <summary>Receives the frames of one link, on its receive loop: it must not block, and the frame is gone when it returns.</summary>
internal interface IFrameReceiver
{
    void OnFrame(SocketLink link, in Frame frame);
}

internal readonly record struct Reply(bool IsOk, string? Reason);

/// <summary>Why a link ended.</summary>
/// <param name="Reason">In words.</param>
/// <param name="CloseCode">The server's code, when it closed the link.</param>
/// <param name="IsSilence">Whether the link gave no sign of life any more.</param>
internal sealed record LinkLoss(string Reason, int? CloseCode = null, bool IsSilence = false);

/// <summary>The life of one connected socket: a receive loop, a send loop and a heartbeat, ending together.</summary>
internal sealed partial class SocketLink : IAsyncDisposable
{
    private const int FirstBufferBytes = 16 * 1024;
    private const int MaxMessageBytes = 5_000_000;
    private const int SendQueueFrames = 256;

    private readonly IRealtimeSocket _socket;
    private readonly IFrameReceiver _receiver;
    private readonly CampfireClientOptions _options;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<Reply?>> _pending = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(new BoundedChannelOptions(SendQueueFrames) { SingleReader = true });
    private readonly TaskCompletionSource<LinkLoss> _loss = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _retired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WakeUp _nextProbe;
    private TaskCompletionSource _urgency = NewUrgency();
    private long _lastRef;
    private long _reads;
    private long _urgentPatience;
    private long _hints;
    private bool _hasHeard;
    private Task _loops = Task.CompletedTask;

    public SocketLink(IRealtimeSocket socket, IFrameReceiver receiver, CampfireClientOptions options, ILogger logger)
    {
        _socket = socket;
        _receiver = receiver;
        _options = options;
        _logger = logger;
        _nextProbe = new WakeUp(options.TimeProvider);
        Violations = new ViolationLog(logger);
    }

    /// <summary>Completes when the link is over.</summary>
    public Task<LinkLoss> Loss => _loss.Task;

    /// <summary>Whether the server has sent anything: a link that never did was not worth much.</summary>
    public bool HasHeard => Volatile.Read(ref _hasHeard);

    /// <summary>One join at a time: the server handles them one after the other anyway, and a queue of them would run into the join timeout.</summary>
    /// <remarks>Never disposed, because that would leave those who wait for their turn waiting for ever. On a dead link the turns are short.</remarks>
    public SemaphoreSlim Joining { get; } = new(1, 1);

    /// <summary>What the server sent on this link that the protocol does not allow.</summary>
    public ViolationLog Violations { get; }

    /// <summary>How many replies are awaited.</summary>
    public int PendingReplies => _pending.Count;

    /// <summary>Completes when the loop no longer hands out this link.</summary>
    public Task Retired => _retired.Task;

    public void Retire() => _retired.TrySetResult();

    public void Start() => _loops = Background.Run(() => Task.WhenAll(EndWith(ReceiveAsync), EndWith(SendAsync), EndWith(HeartbeatAsync)));

    /// <summary>Asks at once for a sign of life, and gives the link up where none comes in time.</summary>
    public void Probe(TimeSpan patience)
    {
        Interlocked.Increment(ref _hints);

        // Hints come in bursts, and a later one must not put off the end of the first.
        if (Interlocked.CompareExchange(ref _urgentPatience, patience.Ticks, 0) != 0)
            return;

        _nextProbe.Now();
        Volatile.Read(ref _urgency).TrySetResult();
    }

    public long NextRef() => Interlocked.Increment(ref _lastRef);

    /// <summary>Queues a text frame. The frame goes out in the order of the calls.</summary>
    /// <exception cref="IOException">The link is over.</exception>
    public ValueTask SendTextAsync(long joinRef, long @ref, ReadOnlyMemory<byte> topic, ReadOnlySpan<byte> @event, ReadOnlySpan<byte> payload, CancellationToken cancellationToken)
    {
        var buffer = new PooledBuffer();
        FrameWriter.WriteText(
            buffer, WireVersion.V2, WireDirection.ToServer, Digits(joinRef, stackalloc byte[20]), Digits(@ref, stackalloc byte[20]), topic.Span, @event, payload);
        return EnqueueAsync(new Outgoing(buffer, IsBinary: false), cancellationToken);
    }

    /// <summary>Queues a broadcast as a binary frame (kind 3).</summary>
    /// <exception cref="IOException">The link is over.</exception>
    public ValueTask SendBroadcastAsync(long joinRef, long @ref, ReadOnlyMemory<byte> topic, ReadOnlySpan<byte> userEvent, ReadOnlySpan<byte> json, CancellationToken cancellationToken)
    {
        var buffer = new PooledBuffer();
        FrameWriter.WriteUserBroadcastPush(
            buffer, Digits(joinRef, stackalloc byte[20]), Digits(@ref, stackalloc byte[20]), topic.Span, userEvent, default, isBinaryPayload: false, json);
        return EnqueueAsync(new Outgoing(buffer, IsBinary: true), cancellationToken);
    }

    /// <summary>Registers interest in the reply to a reference before its frame is sent.</summary>
    public PendingReply Expect(long @ref)
    {
        var reply = new TaskCompletionSource<Reply?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[@ref] = reply;
        if (_ended.IsCancellationRequested && _pending.TryRemove(@ref, out _))
            reply.TrySetResult(null);
        return new PendingReply(this, @ref, reply.Task);
    }

    public async Task CloseAsync(string reason)
    {
        if (_loss.TrySetResult(new LinkLoss(reason)))
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1), _options.TimeProvider);
            try
            {
                await _socket.CloseAsync(patience.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                LogCloseFailed(e.Message);
            }
        }

        await _ended.CancelAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync("the link was disposed").ConfigureAwait(false);
        Violations.LogTotals();
        await _socket.DisposeAsync().ConfigureAwait(false);
        _nextProbe.Dispose();
        _ended.Dispose();
    }

    private static ReadOnlySpan<byte> Digits(long number, Span<byte> buffer) =>
        number != 0 && Utf8Formatter.TryFormat(number, buffer, out int written) ? buffer[..written] : default;

    private static IOException Over() => new("The connection was lost.");

    private async ValueTask EnqueueAsync(Outgoing frame, CancellationToken cancellationToken)
    {
        try
        {
            await _outgoing.Writer.WriteAsync(frame, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            frame.Buffer.Dispose();
            if (e is ChannelClosedException)
                throw Over();
            throw;
        }
    }

    private async Task EndWith(Func<CancellationToken, Task<LinkLoss>> loop)
    {
        try
        {
            _loss.TrySetResult(await loop(_ended.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // One of the other loops ended first, or the link was closed.
        }
        catch (IOException e)
        {
            _loss.TrySetResult(new LinkLoss(e.Message));
        }
        catch (Exception e)
        {
            // A link that has lost one of its loops looks alive and is not: whatever happened, it ends and another one takes its place.
            LogLoopFailed(e);
            _loss.TrySetResult(new LinkLoss($"an unexpected {e.GetType().Name}"));
        }

        await _ended.CancelAsync().ConfigureAwait(false);
        _outgoing.Writer.TryComplete();
        foreach (long @ref in _pending.Keys)
        {
            if (_pending.TryRemove(@ref, out TaskCompletionSource<Reply?>? reply))
                reply.TrySetResult(null);
        }
    }

    private async Task<LinkLoss> ReceiveAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
        try
        {
            while (true)
            {
                int length = 0;
                SocketRead read;
                do
                {
                    if (length == buffer.Length)
                        buffer = Grow(buffer, length);

                    read = await _socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                    if (read.CloseCode is { } code)
                        return new LinkLoss(string.Create(CultureInfo.InvariantCulture, $"the server closed the connection with code {code}"), code);
                    length += read.Count;
                    if (length > MaxMessageBytes)
                        return new LinkLoss($"the server sent a message above {MaxMessageBytes} bytes");

                    // Not only at the end: a long message on a slow line is life, too.
                    Volatile.Write(ref _reads, _reads + 1);
                }
                while (!read.IsEndOfMessage);

                Volatile.Write(ref _hasHeard, true);
                Dispatch(buffer.AsSpan(0, length), read.IsBinary);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Grow(byte[] buffer, int length)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private void Dispatch(ReadOnlySpan<byte> bytes, bool isBinary)
    {
        bool isFrame = isBinary
            ? FrameReader.TryReadBinary(bytes, WireDirection.ToClient, out Frame frame, out WireError error)
            : FrameReader.TryReadText(bytes, WireVersion.V2, out frame, out error);
        if (!isFrame)
        {
            Violations.Report(Violation.MalformedFrame, error.Code.ToString(), "the connection", error.Detail);
            return;
        }

        if (frame.HasRef && frame.Is(PhoenixEvents.Reply)
            && Utf8Parser.TryParse(frame.Ref, out long @ref, out int consumed) && consumed == frame.Ref.Length
            && _pending.TryRemove(@ref, out TaskCompletionSource<Reply?>? pending))
        {
            pending.TrySetResult(ReplyView.TryRead(frame, out ReplyView reply, out error)
                ? new Reply(reply.IsOk, reply.IsOk ? null : ServerWords.Cut(reply.ReadReason()))
                : new Reply(false, $"the reply could not be read: {error}"));
            return;
        }

        _receiver.OnFrame(this, frame);
    }

    private async Task<LinkLoss> SendAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (Outgoing frame in _outgoing.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                using (frame.Buffer)
                    await _socket.SendAsync(frame.Buffer.Written, frame.IsBinary, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _outgoing.Writer.TryComplete();
            while (_outgoing.Reader.TryRead(out Outgoing frame))
                frame.Buffer.Dispose();
        }

        return new LinkLoss("nothing is left to send");
    }

    private async Task<LinkLoss> HeartbeatAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            _nextProbe.In(_options.HeartbeatInterval);
            await _nextProbe.WaitAsync(cancellationToken).ConfigureAwait(false);
            long urgent = Volatile.Read(ref _urgentPatience), hints = Volatile.Read(ref _hints);
            TimeSpan patience = urgent > 0 && urgent < _options.HeartbeatTimeout.Ticks ? TimeSpan.FromTicks(urgent) : _options.HeartbeatTimeout;
            if (!await IsAliveAsync(patience, isUrgent: urgent > 0, cancellationToken).ConfigureAwait(false))
                return new LinkLoss($"no sign of life for {patience.TotalSeconds:0.#} s after a heartbeat", IsSilence: true);
            if (urgent == 0)
                continue;

            // The answer may have come on the network that a later hint says is gone.
            Volatile.Write(ref _urgentPatience, 0);
            if (Volatile.Read(ref _hints) != hints)
                Probe(TimeSpan.FromTicks(urgent));
        }
    }

    private async Task<bool> IsAliveAsync(TimeSpan patience, bool isUrgent, CancellationToken cancellationToken)
    {
        TaskCompletionSource urgency = NewUrgency();

        // Not only a volatile write: the read behind it must not come before it, or the probe and this wait miss each other.
        Interlocked.Exchange(ref _urgency, urgency);
        if (!isUrgent && Volatile.Read(ref _urgentPatience) > 0)
            return true;

        long readsBefore = Volatile.Read(ref _reads);
        using PendingReply reply = Expect(NextRef());
        using var deadline = new CancellationTokenSource(patience, _options.TimeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            // The deadline covers the sending as well: on a line that swallows nothing any more the queue is full.
            await SendTextAsync(0, reply.Ref, PhoenixTopic, PhoenixEvents.Heartbeat, "{}"u8, either.Token).ConfigureAwait(false);

            // An urgent probe takes the place of an ordinary one: what arrived before the network changed proves nothing.
            Task answer = isUrgent ? reply.Task : Task.WhenAny(reply.Task, urgency.Task);
            await answer.WaitAsync(either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Any frame is a sign of life: a socket that is busy with a slow join answers no heartbeat.
            return Volatile.Read(ref _reads) > readsBefore;
        }
    }

    private static TaskCompletionSource NewUrgency() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static readonly byte[] PhoenixTopic = PhoenixEvents.Topic.ToArray();

    private readonly record struct Outgoing(PooledBuffer Buffer, bool IsBinary);

    /// <summary>A place in the table of pending replies, given back when disposed.</summary>
    internal readonly struct PendingReply(SocketLink link, long @ref, Task<Reply?> task) : IDisposable
    {
        public long Ref => @ref;

        /// <summary>The reply, or null when the link ended first.</summary>
        public Task<Reply?> Task => task;

        public void Dispose()
        {
            if (link._pending.TryRemove(@ref, out TaskCompletionSource<Reply?>? reply))
                reply.TrySetCanceled();
        }
    }
}

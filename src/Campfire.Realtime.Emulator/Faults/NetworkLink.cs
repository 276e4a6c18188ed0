using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Features;

namespace Campfire.Realtime.Emulator.Faults;

// The bytes below one WebSocket, pings and close frames included. As with TCP, nothing is lost in the middle of it: what
// is silenced or delayed waits. Without a fault, bytes pass straight through.
internal sealed class NetworkLink : Stream
{
    private const int ChunkBytes = 16 * 1024;
    private const int MaxQueuedChunks = 8192;
    private static readonly TimeSpan _flushGrace = TimeSpan.FromSeconds(1);

    private readonly NetworkFaults _faults;
    private readonly IHttpUpgradeFeature _upgrade;
    private readonly Action _abort;
    private readonly CancellationToken _aborted;
    private readonly CancellationTokenSource _ended = new();
    private volatile Task? _silence;
    private volatile bool _isCut;
    private Stream _inner = Null;
    private Channel<Chunk>? _inbound;
    private Channel<Chunk>? _outbound;
    private Task _reading = Task.CompletedTask;
    private Task _writing = Task.CompletedTask;
    private ReadOnlyMemory<byte> _arrived;
    private TimeSpan _longestDelay;
    private int _underWay;

    public NetworkLink(NetworkFaults faults, IHttpUpgradeFeature upgrade, Action abort, CancellationToken aborted)
    {
        _faults = faults;
        _upgrade = upgrade;
        _abort = abort;
        _aborted = aborted;
    }

    // Not null while nothing passes.
    public Task? Silence
    {
        get => _silence;
        set => _silence = value;
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public async Task OpenAsync() => _inner = await _upgrade.UpgradeAsync().ConfigureAwait(false);

    // The server gives the socket up. The client must not learn of it while nothing passes, or before what is under way.
    public void Cut()
    {
        _isCut = true;
        if (_silence is null && Volatile.Read(ref _underWay) == 0)
            _abort();
    }

    public void CutNow()
    {
        _isCut = true;
        _silence = null;
        _abort();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_inbound is not null)
            return await ReadDelayedAsync(_inbound.Reader, buffer, cancellationToken).ConfigureAwait(false);
        await PassAsync(cancellationToken).ConfigureAwait(false);
        int count;
        try
        {
            count = await _inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException) when (_silence is not null)
        {
            await PassAsync(cancellationToken).ConfigureAwait(false);
            throw;
        }
        var arrival = FromClients();
        if (!arrival.IsNow && count > 0)
        {
            // From here on bytes are read as they come, so that each of them waits from its own arrival.
            _inbound = Channel.CreateBounded<Chunk>(MaxQueuedChunks);
            _reading = ReadAheadAsync(_inbound.Writer);
            await arrival.WaitAsync(_faults.Time, cancellationToken).ConfigureAwait(false);
        }
        await PassAsync(cancellationToken).ConfigureAwait(false);
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var arrival = ToClients();
        if (arrival.IsNow && Volatile.Read(ref _underWay) == 0)
        {
            await PassAsync(cancellationToken).ConfigureAwait(false);
            await _inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (_outbound is null)
        {
            _outbound = Channel.CreateBounded<Chunk>(MaxQueuedChunks);
            _writing = WriteLaterAsync(_outbound.Reader);
        }
        _longestDelay = arrival.Delay > _longestDelay ? arrival.Delay : _longestDelay;
        Interlocked.Increment(ref _underWay);
        try
        {
            await _outbound.Writer.WriteAsync(new Chunk(buffer.ToArray(), arrival), cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException closed)
        {
            throw new IOException("The connection was lost.", closed);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The server is done with the socket; the client is until it can know.
    public async Task EndAsync()
    {
        while (_silence is { } silence && !_aborted.IsCancellationRequested)
            await Task.WhenAny(silence, WhenAborted()).ConfigureAwait(false);
        _outbound?.Writer.TryComplete();
        try
        {
            await _writing.WaitAsync(_longestDelay + _flushGrace, _faults.Time, _aborted).ConfigureAwait(false);
        }
        catch (Exception unfinished) when (unfinished is TimeoutException or OperationCanceledException)
        {
            _isCut = true;
        }
        if (_isCut)
            _abort();
        await _ended.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_reading, _writing).ConfigureAwait(false);
        _ended.Dispose();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask PassAsync(CancellationToken cancellationToken)
    {
        while (_silence is { } silence)
            await silence.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<int> ReadDelayedAsync(ChannelReader<Chunk> inbound, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_arrived.IsEmpty)
        {
            bool hasMore;
            try
            {
                hasMore = await inbound.WaitToReadAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException) when (_silence is not null)
            {
                await PassAsync(cancellationToken).ConfigureAwait(false);
                throw;
            }
            if (hasMore && inbound.TryRead(out var chunk))
            {
                await chunk.Arrival.WaitAsync(_faults.Time, cancellationToken).ConfigureAwait(false);
                _arrived = chunk.Bytes;
            }
            await PassAsync(cancellationToken).ConfigureAwait(false);
        }
        var count = Math.Min(_arrived.Length, buffer.Length);
        _arrived[..count].CopyTo(buffer);
        _arrived = _arrived[count..];
        return count;
    }

    private async Task ReadAheadAsync(ChannelWriter<Chunk> inbound)
    {
        try
        {
            while (true)
            {
                var buffer = new byte[ChunkBytes];
                var count = await _inner.ReadAsync(buffer, _ended.Token).ConfigureAwait(false);
                if (count == 0)
                    break;
                await inbound.WriteAsync(new Chunk(buffer.AsMemory(0, count), FromClients()), _ended.Token).ConfigureAwait(false);
            }
            inbound.Complete();
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            inbound.Complete(gone as IOException ?? new IOException("The connection was lost.", gone));
        }
    }

    private async Task WriteLaterAsync(ChannelReader<Chunk> outbound)
    {
        try
        {
            await foreach (var chunk in outbound.ReadAllAsync(_ended.Token).ConfigureAwait(false))
            {
                await chunk.Arrival.WaitAsync(_faults.Time, _ended.Token).ConfigureAwait(false);
                await PassAsync(_ended.Token).ConfigureAwait(false);
                await _inner.WriteAsync(chunk.Bytes, _ended.Token).ConfigureAwait(false);
                Interlocked.Decrement(ref _underWay);
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException)
        {
            _outbound!.Writer.TryComplete();
            _abort();
        }
    }

    private Arrival FromClients() => _faults.Delay is var delay && delay.FromClients > TimeSpan.Zero
        ? new Arrival(_faults.Time.GetTimestamp(), delay.FromClients, delay.Ended)
        : default;

    private Arrival ToClients() => _faults.Delay is var delay && delay.ToClients > TimeSpan.Zero
        ? new Arrival(_faults.Time.GetTimestamp(), delay.ToClients, delay.Ended)
        : default;

    private Task WhenAborted() => Task.Delay(Timeout.Infinite, _aborted);

    private readonly record struct Chunk(ReadOnlyMemory<byte> Bytes, Arrival Arrival);
}

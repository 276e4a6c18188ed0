using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Campfire.Realtime.Streams;

/// <summary>A bounded stream for one reader at a time. A reader that stopped may go on later where it was.</summary>
internal sealed class SingleReaderStream<T>(int capacity, BoundedChannelFullMode fullMode, Action<T>? onDropped = null)
{
    private readonly Channel<T> _channel = Channel.CreateBounded(new BoundedChannelOptions(capacity) { FullMode = fullMode, SingleReader = true }, onDropped);
    private int _isRead;

    public bool TryWrite(T item) => _channel.Writer.TryWrite(item);

    public ValueTask WriteAsync(T item, CancellationToken cancellationToken) => _channel.Writer.WriteAsync(item, cancellationToken);

    public void Complete(Exception? error = null) => _channel.Writer.TryComplete(error);

    public async IAsyncEnumerable<T> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isRead, 1) != 0)
            throw new InvalidOperationException("This stream is being read already. One reader sees every event; two would share them out.");

        try
        {
            await foreach (T item in _channel.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return item;
        }
        finally
        {
            Volatile.Write(ref _isRead, 0);
        }
    }
}

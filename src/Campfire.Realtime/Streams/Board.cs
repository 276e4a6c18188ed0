using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Campfire.Realtime.Streams;

/// <summary>Holds a present value and shows it, and each later one, to any number of watchers.</summary>
/// <remarks>A watcher that does not keep up misses old values, never the newest.</remarks>
internal sealed class Board<T>(T initial, int backlog)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly List<Channel<T>> _watchers = [];
    private T _current = initial;
    private bool _isComplete;
    private Exception? _error;

    public T Current
    {
        get
        {
            lock (_gate)
                return _current;
        }
    }

    public void Show(T value)
    {
        lock (_gate)
        {
            if (_isComplete || Equals(_current, value))
                return;

            _current = value;
            foreach (Channel<T> watcher in _watchers)
                watcher.Writer.TryWrite(value);
        }
    }

    public void Complete(Exception? error = null)
    {
        lock (_gate)
        {
            if (_isComplete)
                return;

            _isComplete = true;
            _error = error;
            foreach (Channel<T> watcher in _watchers)
                watcher.Writer.TryComplete(error);
        }
    }

    public async IAsyncEnumerable<T> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var watcher = Channel.CreateBounded<T>(new BoundedChannelOptions(backlog) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_gate)
        {
            watcher.Writer.TryWrite(_current);
            if (_isComplete)
                watcher.Writer.TryComplete(_error);
            else
                _watchers.Add(watcher);
        }

        try
        {
            await foreach (T value in watcher.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
                yield return value;
        }
        finally
        {
            lock (_gate)
                _watchers.Remove(watcher);
        }
    }
}

using System.Threading.Channels;

namespace Campfire.Realtime.Streams;

/// <summary>Wakes one waiting loop, also from a timer. Several calls before it looks are one.</summary>
internal sealed class WakeUp : IDisposable
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly ITimer _timer;

    public WakeUp(TimeProvider time) =>
        _timer = time.CreateTimer(static state => ((WakeUp)state!).Now(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Now() => _signal.Writer.TryWrite(true);

    public void In(TimeSpan delay) => _timer.Change(delay > TimeSpan.Zero ? delay : TimeSpan.Zero, Timeout.InfiniteTimeSpan);

    public async ValueTask WaitAsync(CancellationToken cancellationToken) => await _signal.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);

    public void Dispose() => _timer.Dispose();
}

namespace Campfire.Realtime.Budget;

/// <summary>Lets callers through one after the other, never two within the interval.</summary>
internal sealed class Pacer(TimeSpan interval, TimeProvider time)
{
    private long? _last;

    // Never disposed, because a budget has no end; without a wait handle there is nothing to free.
    private SemaphoreSlim Turn { get; } = new(1, 1);

    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        await Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Whoever gives up here has used nothing.
            if (_last is { } last && interval - time.GetElapsedTime(last) is { Ticks: > 0 } wait)
                await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
            _last = time.GetTimestamp();
        }
        finally
        {
            Turn.Release();
        }
    }
}

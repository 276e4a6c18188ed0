namespace Campfire.Realtime.Emulator.Faults;

internal sealed record NetworkDelay(TimeSpan ToClients, TimeSpan FromClients, Task Ended)
{
    public static NetworkDelay None { get; } = new(TimeSpan.Zero, TimeSpan.Zero, Task.CompletedTask);
}

// When bytes that were sent at that time may arrive: fixed when they are sent, unless all delays end before.
internal readonly record struct Arrival(long SentAt, TimeSpan Delay, Task Ended)
{
    public bool IsNow => Delay == TimeSpan.Zero;

    public async ValueTask WaitAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        if (IsNow)
            return;
        var left = Delay - time.GetElapsedTime(SentAt);
        if (left <= TimeSpan.Zero || Ended.IsCompleted)
            return;
        try
        {
            await Ended.WaitAsync(left, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return;
        }
    }
}

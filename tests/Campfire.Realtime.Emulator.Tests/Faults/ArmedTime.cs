using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Emulator.Tests.Faults;

// A clock that stands still until a test moves it, and tells when somebody waits on it.
internal sealed class ArmedTime() : FakeTimeProvider(DateTimeOffset.UtcNow)
{
    private readonly Lock _lock = new();
    private readonly List<TimeSpan> _armed = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        lock (_lock)
        {
            _armed.Add(dueTime);
            _changed.SetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return timer;
    }

    // Completes when a timer of that length is set, now or before; each one counts once.
    public async Task ArmedAsync(TimeSpan due)
    {
        using var deadline = new CancellationTokenSource(PlainSocket.Deadline);
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_armed.Remove(due))
                    return;
                changed = _changed.Task;
            }
            await changed.WaitAsync(deadline.Token);
        }
    }
}

using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Tests.Support;

// A clock that stands still until a test moves it, and tells when somebody waits on it.
internal sealed class ManualTime : FakeTimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<TimeSpan> _armed = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ManualTime()
        : base(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero))
    {
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new NotedTimer(this, base.CreateTimer(callback, state, dueTime, period));
        Note(dueTime);
        return timer;
    }

    // Completes when a timer is set that fits, now or before; each setting counts once.
    public async Task<TimeSpan> ArmedAsync(Func<TimeSpan, bool> fits)
    {
        using var deadline = new CancellationTokenSource(Within.Deadline);
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                int index = _armed.FindIndex(due => fits(due));
                if (index >= 0)
                {
                    TimeSpan due = _armed[index];
                    _armed.RemoveAt(index);
                    return due;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No such timer was set. Set were: {string.Join(", ", _armed)}");
            }
        }
    }

    public Task<TimeSpan> ArmedAsync(TimeSpan due) => ArmedAsync(set => set == due);

    // Waits until somebody waits for that long, and lets the time pass.
    public async Task PassAsync(TimeSpan due)
    {
        await ArmedAsync(due);
        Advance(due);
    }

    // Lets time pass in steps until the task is done; for what takes several timers whose order does not matter.
    public async Task<T> PassUntilAsync<T>(Task<T> task, TimeSpan step)
    {
        await PassUntilAsync((Task)task, step);
        return await task;
    }

    public async Task PassUntilAsync(Task task, TimeSpan step)
    {
        using var deadline = new CancellationTokenSource(Within.Deadline);
        while (!task.IsCompleted)
        {
            deadline.Token.ThrowIfCancellationRequested();
            Advance(step);
            await task.WaitAsync(TimeSpan.FromMilliseconds(2)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await task;
    }

    public void ForgetArmed()
    {
        lock (_gate)
            _armed.Clear();
    }

    private void Note(TimeSpan due)
    {
        if (due == Timeout.InfiniteTimeSpan)
            return;

        lock (_gate)
        {
            _armed.Add(due);
            _changed.SetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class NotedTimer(ManualTime owner, ITimer inner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool changed = inner.Change(dueTime, period);
            owner.Note(dueTime);
            return changed;
        }

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

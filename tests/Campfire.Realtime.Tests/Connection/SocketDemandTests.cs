using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Connection;

public sealed class SocketDemandTests
{
    private static readonly TimeSpan Early = TimeSpan.FromMilliseconds(1);

    [Test]
    public async Task Timer_that_fires_early_by_the_clock_does_not_keep_the_socket_open()
    {
        var clock = new ManualTime();
        var time = new EarlyTime(clock);
        using var demand = new SocketDemand(capacity: 1, TimeSpan.FromSeconds(30), time);
        demand.TryAddChannel();
        Task idle = demand.WhenIdleAsync(CancellationToken.None);

        demand.RemoveChannel();
        Task asked = time.NextQuestion();
        clock.Advance(TimeSpan.FromSeconds(30) - Early);
        await asked.InTime();
        await clock.PassUntilAsync(idle, Early);

        Assert.That(demand.IsResting, Is.True);
    }

    // The system's timers count in coarser ticks than its timestamps.
    private sealed class EarlyTime(ManualTime clock) : TimeProvider
    {
        private TaskCompletionSource? _question;

        public override long TimestampFrequency => clock.TimestampFrequency;

        // Completes when somebody asks for the time, who has read it then.
        public Task NextQuestion()
        {
            _question = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _question.Task;
        }

        public override long GetTimestamp()
        {
            long now = clock.GetTimestamp();
            _question?.TrySetResult();
            return now;
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new EarlyTimer(clock.CreateTimer(callback, state, dueTime, period));
    }

    private sealed class EarlyTimer(ITimer inner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => inner.Change(dueTime > Early ? dueTime - Early : dueTime, period);

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

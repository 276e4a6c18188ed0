using System.Diagnostics;

namespace Campfire.Realtime.Tests.Support;

// Tells when all that is left to do waits for a clock, a socket or a database that a test moves.
internal static class Stillness
{
    private static readonly int MaxWorkers = GetMaxWorkers();

    // Workers that the runner of the tests has blocked for as long as it runs.
    private static int _blocked;

    // Before anything else runs.
    public static void Begin()
    {
        _blocked = int.MaxValue;
        for (int looks = 0; looks < 100; looks++)
        {
            Thread.Sleep(2);
            _blocked = Math.Min(_blocked, Running());
        }
    }

    // The code under test runs nowhere but on the thread pool, so nothing moves when the pool has nothing to run and nobody who
    // runs. A worker counts as running from before it takes its work until after it found none, and what it adds is pending or
    // running before it stops: that nothing is pending between two moments without a running worker leaves no place to hide.
    // Not from a thread of the pool, and not beside other tests.
    public static void Await(TimeSpan patience)
    {
        long start = Stopwatch.GetTimestamp();
        for (int spins = 0; !IsStill(); spins++)
        {
            if (spins < 20)
                Thread.SpinWait(20);
            else if (spins < 100_000)
                Thread.Yield();
            else
                Thread.Sleep(1);

            if (spins % 1024 == 1023 && Stopwatch.GetElapsedTime(start) > patience)
                throw new TimeoutException($"Something ran for {patience.TotalSeconds:0} s while no time passed");
        }
    }

    // The pool is never still while one of its own threads looks.
    public static T OnThreadOfItsOwn<T>(Func<T> action)
    {
        T result = default!;
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                error = e;
            }
        });
        thread.Start();
        thread.Join();
        return error is null ? result : throw new InvalidOperationException(error.Message, error);
    }

    private static bool IsStill() => Running() <= _blocked && ThreadPool.PendingWorkItemCount == 0 && Running() <= _blocked;

    private static int Running()
    {
        ThreadPool.GetAvailableThreads(out int available, out _);
        return MaxWorkers - available;
    }

    private static int GetMaxWorkers()
    {
        ThreadPool.GetMaxThreads(out int workers, out _);
        return workers;
    }
}

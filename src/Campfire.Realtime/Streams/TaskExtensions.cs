namespace Campfire.Realtime.Streams;

internal static class TaskExtensions
{
    /// <summary>Says that a failure is told elsewhere, so that it counts as seen where nobody awaits the task.</summary>
    public static void IsToldElsewhere(this Task task) =>
        _ = task.ContinueWith(static failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
}

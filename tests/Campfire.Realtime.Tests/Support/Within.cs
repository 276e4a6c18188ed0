namespace Campfire.Realtime.Tests.Support;

// No test waits for ever: each await is under one of these.
internal static class Within
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static Task InTime(this Task task) => task.WaitAsync(Deadline);

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    public static Task InTime(this ValueTask task) => task.AsTask().WaitAsync(Deadline);

    public static Task<T> InTime<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Deadline);

    // The next one, or an exception that says how the stream ended.
    public static async Task<T> NextAsync<T>(this IAsyncEnumerator<T> stream) =>
        await stream.MoveNextAsync().InTime() ? stream.Current : throw new InvalidOperationException("The stream has ended.");

    public static async Task<List<T>> TakeAsync<T>(this IAsyncEnumerator<T> stream, int count)
    {
        var items = new List<T>(count);
        while (items.Count < count)
            items.Add(await stream.NextAsync());
        return items;
    }

    public static async Task<T> FirstAsync<T>(this IAsyncEnumerable<T> stream, Func<T, bool> predicate)
    {
        await using IAsyncEnumerator<T> reader = stream.GetAsyncEnumerator();
        while (true)
        {
            T item = await reader.NextAsync();
            if (predicate(item))
                return item;
        }
    }
}

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Support;

// Keeps what a client logs, from a level on.
internal sealed class KeptLog(LogLevel least) : ILoggerFactory, ILogger
{
    private volatile TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Lines { get; } = new();

    // Completes when there is a line of that kind.
    public async Task<string> LoggedAsync(int id)
    {
        while (true)
        {
            Task next = _next.Task;
            if (Lines.FirstOrDefault(line => line.Id == id).Text is { } text)
                return text;
            await next.InTime();
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;

        Lines.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)} {exception}"));
        Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    public void Dispose()
    {
    }
}

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Support;

// Keeps what a client logs, from a level on.
internal sealed class KeptLog(LogLevel least) : ILoggerFactory, ILogger
{
    public ConcurrentQueue<(LogLevel Level, int Id, string Text)> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            Lines.Enqueue((logLevel, eventId.Id, $"{formatter(state, exception)} {exception}"));
    }

    public void Dispose()
    {
    }
}

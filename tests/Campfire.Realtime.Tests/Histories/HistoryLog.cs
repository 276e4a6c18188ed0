using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Histories;

// Keeps the errors that a client logs.
internal sealed class HistoryLog : ILoggerFactory, ILogger
{
    public ConcurrentQueue<(int Id, string Text)> Errors { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Errors.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}"));

    public void Dispose()
    {
    }
}

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Tests;

// Keeps what an emulator logs, with the exceptions' texts.
internal sealed class LogCollector : ILoggerFactory
{
    private readonly ConcurrentQueue<(int Id, LogLevel Level, string Text)> _entries = new();

    public IReadOnlyCollection<(int Id, LogLevel Level, string Text)> Entries => _entries;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public ILogger CreateLogger(string categoryName) => new Logger(this);

    public void Dispose()
    {
    }

    private sealed class Logger(LogCollector collector) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            collector._entries.Enqueue((eventId.Id, logLevel, $"{formatter(state, exception)} {exception}"));
    }
}

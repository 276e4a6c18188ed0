using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Cli;

// Of all that the migrator logs, the one thing without which somebody would think that the command hangs.
internal sealed class WaitingNotice : ILoggerProvider, ILogger
{
    private const int WaitingForOtherMigrator = 4000;

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id == WaitingForOtherMigrator)
            Console.Error.WriteLine($"{formatter(state, exception)}.");
    }

    public void Dispose()
    {
    }
}

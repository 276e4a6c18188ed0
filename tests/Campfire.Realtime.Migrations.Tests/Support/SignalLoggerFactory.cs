using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Migrations.Tests.Support;

// Completes Signal when a log message begins with a text.
internal sealed class SignalLoggerFactory(string text) : ILoggerFactory, ILogger
{
    private readonly TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Signal => _signal.Task;

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (formatter(state, exception).StartsWith(text, StringComparison.Ordinal))
            _signal.TrySetResult();
    }

    public void Dispose()
    {
    }
}

using Microsoft.Extensions.Logging;

namespace QuickStart;

/// <summary>Prints warnings, and counts the error that gave this library its reason.</summary>
internal sealed class RunLog : ILoggerProvider, ILoggerFactory
{
    private const string BindingMismatch = "mismatch between server and client bindings";

    private int _bindingMismatchErrors;

    public int BindingMismatchErrors => _bindingMismatchErrors;

    public ILogger CreateLogger(string categoryName) => new Printer(this, categoryName);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private sealed class Printer(RunLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;

            string text = formatter(state, exception);
            if (text.Contains(BindingMismatch, StringComparison.OrdinalIgnoreCase))
                Interlocked.Increment(ref log._bindingMismatchErrors);
            Console.Error.WriteLine($"{logLevel}: {category}: {text}");
        }
    }
}

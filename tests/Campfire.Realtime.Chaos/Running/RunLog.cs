using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Reads the clients' logs: it is from there that a program learns how an event came, and when a channel was joined.</summary>
internal sealed class RunLog : ILoggerFactory
{
    private const int ConnectionLost = 1103;
    private long _joinCount;
    private const int Joined = 1200;
    private const int Recovered = 1411;
    private const string DeadLink = "no sign of life";

    private readonly ConcurrentQueue<string> _errors = new();
    private long _recovered;
    private int _lostConnections;
    private int _deadLinks;

    /// <summary>How many events the clients say they took from the log of the database instead of a broadcast.</summary>
    public long RecoveredEvents => Interlocked.Read(ref _recovered);

    public int LostConnections => Volatile.Read(ref _lostConnections);

    /// <summary>How many of them were noticed because nothing came any more.</summary>
    public int DeadLinks => Volatile.Read(ref _deadLinks);

    /// <summary>The first errors that a client logged: nothing that a fault explains.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    /// <summary>How many joins the server has agreed to.</summary>
    public long JoinCount => Interlocked.Read(ref _joinCount);

    /// <summary>Whether <see cref="Joins"/> is filled.</summary>
    public bool KeepsJoins { get; init; } = true;

    /// <summary>When channels were joined, by <see cref="Stopwatch"/>.</summary>
    public ConcurrentQueue<long> Joins { get; } = new();

    public ILogger CreateLogger(string categoryName) => new Listener(this);

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private void Add<TState>(LogLevel level, int id, TState state, Exception? exception, Func<TState, Exception?, string> format)
    {
        switch (id)
        {
            case Joined:
                Interlocked.Increment(ref _joinCount);
                if (KeepsJoins)
                    Joins.Enqueue(Stopwatch.GetTimestamp());
                break;
            case Recovered when state is IReadOnlyList<KeyValuePair<string, object?>> values:
                Interlocked.Add(ref _recovered, values.FirstOrDefault(value => value.Key == "Count").Value is int count ? count : 0);
                break;
            case ConnectionLost:
                Interlocked.Increment(ref _lostConnections);
                if (format(state, exception).Contains(DeadLink, StringComparison.Ordinal))
                    Interlocked.Increment(ref _deadLinks);
                break;
            default:
                if (level >= LogLevel.Error && _errors.Count < 20)
                    _errors.Enqueue(format(state, exception));
                break;
        }
    }

    private sealed class Listener(RunLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Add(logLevel, eventId.Id, state, exception, formatter);
    }
}

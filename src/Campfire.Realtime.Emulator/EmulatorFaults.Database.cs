using Campfire.Realtime.Emulator.Database;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Emulator;

public sealed partial class EmulatorFaults
{
    private EmulatorDatabase? _database;
    private ILogger _logger = NullLogger.Instance;

    /// <summary>
    /// Stops the database at once, as one that crashes: connections break, and calls and joins of private channels fail until
    /// <see cref="StartDatabaseAsync"/>. What was committed is kept, except for unlogged tables. Stopping it again does nothing.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; the database may be stopped nevertheless.</param>
    /// <returns>A task that ends when the database is down.</returns>
    /// <exception cref="InvalidOperationException">The database is not the emulator's own, or it could not be stopped.</exception>
    public async Task StopDatabaseAsync(CancellationToken cancellationToken = default)
    {
        if (!await _database!.StopAsync(cancellationToken).ConfigureAwait(false))
            return;
        _log.Add(EmulatorFaultKind.DatabaseStopped, topic: null);
        DatabaseStopped();
    }

    /// <summary>
    /// Starts the database again, on the same port and with the same data. Starting a running one does nothing.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; the database may be started nevertheless.</param>
    /// <returns>A task that ends when the database takes connections.</returns>
    /// <exception cref="InvalidOperationException">The database is not the emulator's own.</exception>
    /// <exception cref="CampfireEmulatorException">PostgreSQL did not start; the message carries its last log lines.</exception>
    public async Task StartDatabaseAsync(CancellationToken cancellationToken = default)
    {
        if (!await _database!.StartAgainAsync(cancellationToken).ConfigureAwait(false))
            return;
        _log.Add(EmulatorFaultKind.DatabaseStarted, topic: null);
        DatabaseStarted();
    }

    internal void Attach(EmulatorDatabase database, ILogger logger)
    {
        _database = database;
        _logger = logger;
    }

    [LoggerMessage(3060, LogLevel.Warning, "The database was stopped on request.")]
    private partial void DatabaseStopped();

    [LoggerMessage(3061, LogLevel.Information, "The database was started again on request.")]
    private partial void DatabaseStarted();
}

using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator;

public sealed partial class EmulatorFaults
{
    private static readonly TimeSpan _streamPatience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Stops the database at once, as one that crashes: connections break, and calls and joins of private channels fail until
    /// <see cref="StartDatabaseAsync"/>. What was committed is kept, except for unlogged tables. Stopping it again does nothing.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; once PostgreSQL is told to stop, it stops nevertheless.</param>
    /// <returns>A task that ends when the database is down.</returns>
    /// <exception cref="InvalidOperationException">The database is not the emulator's own, or it could not be stopped.</exception>
    /// <exception cref="ObjectDisposedException">The emulator was disposed.</exception>
    public async Task StopDatabaseAsync(CancellationToken cancellationToken = default)
    {
        if (!await _database.StopAsync(cancellationToken).ConfigureAwait(false))
            return;
        _log.Add(EmulatorFaultKind.DatabaseStopped, topic: null);
        DatabaseStopped();
        await _stream.Lost.WaitAsync(_streamPatience, TimeProvider.System, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Starts the database again, on the same port and with the same data. Starting a running one does nothing.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting; once PostgreSQL is told to start, it starts nevertheless.</param>
    /// <returns>A task that ends when the database takes connections and its broadcasts are delivered again.</returns>
    /// <exception cref="InvalidOperationException">The database is not the emulator's own.</exception>
    /// <exception cref="ObjectDisposedException">The emulator was disposed.</exception>
    /// <exception cref="CampfireEmulatorException">PostgreSQL did not start; the message carries its last log lines.</exception>
    public async Task StartDatabaseAsync(CancellationToken cancellationToken = default)
    {
        if (!await _database.StartAgainAsync(cancellationToken).ConfigureAwait(false))
            return;
        _log.Add(EmulatorFaultKind.DatabaseStarted, topic: null);
        DatabaseStarted();
        await _stream.Established.WaitAsync(_streamPatience, TimeProvider.System, cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(3060, LogLevel.Warning, "The database was stopped on request.")]
    private partial void DatabaseStopped();

    [LoggerMessage(3061, LogLevel.Information, "The database was started again on request.")]
    private partial void DatabaseStarted();
}

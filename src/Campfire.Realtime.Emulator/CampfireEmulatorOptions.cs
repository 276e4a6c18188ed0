using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Emulator;

/// <summary>How an emulator is started. The values are read once, by <see cref="CampfireEmulator.StartAsync"/>.</summary>
public sealed class CampfireEmulatorOptions
{
    /// <summary>The loopback port of the HTTP and WebSocket endpoints; 0 takes a free one.</summary>
    /// <value>0 by default.</value>
    public int Port { get; set; }

    /// <summary>A folder that keeps the database and the keys between runs.</summary>
    /// <value><see langword="null"/> by default: a temporary folder, removed with the emulator.</value>
    public string? DataDirectory { get; set; }

    /// <summary>
    /// An Npgsql connection string of a superuser on a server that is set aside for the emulator. The passwords of its
    /// roles <c>postgres</c> and <c>authenticator</c> are replaced. The server needs <c>wal_level=logical</c>, and the
    /// superuser must not be <c>postgres</c>, which has no such rights on Supabase.
    /// </summary>
    /// <value><see langword="null"/> by default: a private cluster is started.</value>
    public string? ConnectionString { get; set; }

    /// <summary>The folder that holds <c>postgres</c>, <c>initdb</c> and <c>pg_ctl</c>.</summary>
    /// <value><see langword="null"/> by default: the newest installation found on this machine.</value>
    public string? PostgresBinDirectory { get; set; }

    /// <summary>Whether the product's migrations are applied at the start.</summary>
    /// <value><see langword="true"/> by default.</value>
    public bool ApplyMigrations { get; set; } = true;

    /// <summary>The pauses before errors are answered.</summary>
    /// <value><see cref="EmulatorDelays.Realistic"/> by default.</value>
    public EmulatorDelays Delays { get; set; } = EmulatorDelays.Realistic;

    /// <summary>The quotas of the emulated project.</summary>
    public EmulatorLimits Limits { get; set; } = new();

    /// <summary>Where log messages go.</summary>
    /// <value>Nowhere by default.</value>
    public ILoggerFactory LoggerFactory { get; set; } = NullLoggerFactory.Instance;

    /// <summary>The clock of tokens, timers and windows.</summary>
    /// <value><see cref="TimeProvider.System"/> by default.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal CampfireEmulatorOptions Validated()
    {
        if (Port is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(Port), Port, "A port is 1 to 65535, or 0 for a free one.");
        if (DataDirectory is not null && ConnectionString is not null)
        {
            throw new ArgumentException(
                $"{nameof(DataDirectory)} and {nameof(ConnectionString)} exclude each other: the data lives on the server that was named.");
        }
        ArgumentNullException.ThrowIfNull(Delays);
        ArgumentNullException.ThrowIfNull(Limits);
        ArgumentNullException.ThrowIfNull(LoggerFactory);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        var copy = (CampfireEmulatorOptions)MemberwiseClone();
        copy.Limits = Limits.Copy();
        return copy;
    }
}

using Campfire.Realtime.Migrations;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator;

/// <summary>How an emulator is started. The values are read once, by <see cref="CampfireEmulator.StartAsync"/>.</summary>
public sealed class CampfireEmulatorOptions
{
    private const int MaxKilobytes = 1_000_000;

    // What timers take.
    private static readonly TimeSpan _longest = TimeSpan.FromDays(40);

    /// <summary>The loopback port of the HTTP and WebSocket endpoints; 0 takes a free one.</summary>
    /// <value>0 by default; 0 to 65,535.</value>
    public int Port { get; set; }

    /// <summary>A folder that keeps the database and the keys between runs.</summary>
    /// <value><see langword="null"/> by default: a temporary folder, removed with the emulator.</value>
    public string? DataDirectory { get; set; }

    /// <summary>
    /// An Npgsql connection string of a superuser on a server that is set aside for the emulator: a new one, or one that an
    /// emulator prepared before. The passwords of its roles <c>postgres</c> and <c>authenticator</c> are replaced; a server
    /// that looks like a Supabase of its own is refused and left alone. The server needs <c>wal_level=logical</c>, and the
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
    /// <value>Those of Supabase by default; <see cref="EmulatorLimits"/> states them, and their ranges.</value>
    public EmulatorLimits Limits { get; set; } = new();

    /// <summary>Where log messages go.</summary>
    /// <value>Nowhere by default.</value>
    public ILoggerFactory LoggerFactory { get; set; } = NullLoggerFactory.Instance;

    /// <summary>The clock of tokens, timers and windows.</summary>
    /// <value><see cref="TimeProvider.System"/> by default.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>
    /// Tables that <see cref="CampfireEmulator.ResetAsync"/> leaves as they are, as <c>schema.table</c>: those that hold what the
    /// application's own migrations filled in.
    /// </summary>
    /// <value>Empty by default. Campfire's and the usual migration tools' journals are kept in any case.</value>
    public IList<string> TablesKeptOnReset { get; set; } = [];

    internal CampfireEmulatorOptions Validated()
    {
        if (Port is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(Port), Port, "A port is 1 to 65535, or 0 for a free one.");
        ValidateDatabase();
        ArgumentNullException.ThrowIfNull(Delays);
        RequireDelay(nameof(EmulatorDelays.JoinError), Delays.JoinError);
        RequireDelay(nameof(EmulatorDelays.UpgradeError), Delays.UpgradeError);
        ArgumentNullException.ThrowIfNull(Limits);
        ValidateLimits(Limits);
        ArgumentNullException.ThrowIfNull(LoggerFactory);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentNullException.ThrowIfNull(TablesKeptOnReset);
        if (TablesKeptOnReset.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException($"{nameof(TablesKeptOnReset)} holds an empty name. Name tables as schema.table.", nameof(TablesKeptOnReset));
        var copy = (CampfireEmulatorOptions)MemberwiseClone();
        copy.ConnectionString = ConnectionString is null ? null : Readable(nameof(ConnectionString), ConnectionString);
        copy.Limits = Limits.Copy();
        copy.TablesKeptOnReset = [.. TablesKeptOnReset];
        return copy;
    }

    // Neither the text nor what Npgsql says of it goes into the message: both may hold a password.
    private static string Readable(string name, string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString(connectionString)).ConnectionString;
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException)
        {
            throw new ArgumentException(
                $"{name} cannot be read. Pass pairs (Host=…;Port=…;Username=…;Password=…;Database=…) or a URI (postgresql://user:password@host:port/database).",
                name);
        }
    }

    private void ValidateDatabase()
    {
        RequireText(nameof(DataDirectory), DataDirectory, "for a temporary database");
        RequireText(nameof(ConnectionString), ConnectionString, "for a private cluster");
        RequireText(nameof(PostgresBinDirectory), PostgresBinDirectory, "for the newest installation found");
        if (ConnectionString is null)
            return;
        if (DataDirectory is not null)
        {
            throw new ArgumentException(
                $"{nameof(DataDirectory)} and {nameof(ConnectionString)} exclude each other: the data lives on the server that was named.");
        }
        if (PostgresBinDirectory is not null)
        {
            throw new ArgumentException(
                $"{nameof(PostgresBinDirectory)} and {nameof(ConnectionString)} exclude each other: the server that was named runs already.");
        }
    }

    private static void ValidateLimits(EmulatorLimits limits)
    {
        RequireCount(nameof(EmulatorLimits.MaxConcurrentUsers), limits.MaxConcurrentUsers, minimum: 0);
        RequireCount(nameof(EmulatorLimits.MaxChannelsPerClient), limits.MaxChannelsPerClient, minimum: 0);
        RequireCount(nameof(EmulatorLimits.MaxEventsPerSecond), limits.MaxEventsPerSecond, minimum: 1);
        RequireCount(nameof(EmulatorLimits.MaxJoinsPerSecond), limits.MaxJoinsPerSecond, minimum: 1);
        RequireCount(nameof(EmulatorLimits.MaxPresenceEventsPerSecond), limits.MaxPresenceEventsPerSecond, minimum: 1);
        RequireCount(nameof(EmulatorLimits.MaxClientPresenceEventsPerWindow), limits.MaxClientPresenceEventsPerWindow, minimum: 0);
        RequireCount(nameof(EmulatorLimits.MaxPayloadSizeInKilobytes), limits.MaxPayloadSizeInKilobytes, minimum: 1, maximum: MaxKilobytes);
        RequireCount(nameof(EmulatorLimits.MaxQueuedFramesPerSocket), limits.MaxQueuedFramesPerSocket, minimum: 1);
        RequirePeriod(nameof(EmulatorLimits.ClientPresenceWindow), limits.ClientPresenceWindow);
        RequirePeriod(nameof(EmulatorLimits.IdleTimeout), limits.IdleTimeout);
    }

    private static void RequireText(string name, string? value, string otherwise)
    {
        if (value is not null && string.IsNullOrWhiteSpace(value))
            throw new ArgumentException($"{name} is empty. Give it a value, or leave it null {otherwise}.", name);
    }

    private static void RequireCount(string name, int value, int minimum, int maximum = int.MaxValue)
    {
        if (value < minimum || value > maximum)
            throw new ArgumentOutOfRangeException(name, value, $"This limit is {minimum} to {maximum}.");
    }

    private static void RequirePeriod(string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero || value > _longest)
            throw new ArgumentOutOfRangeException(name, value, $"This period is longer than nothing, up to {_longest.TotalDays} days.");
    }

    private static void RequireDelay(string name, TimeSpan value)
    {
        if (value < TimeSpan.Zero || value > _longest)
            throw new ArgumentOutOfRangeException(name, value, $"This pause is zero up to {_longest.TotalDays} days.");
    }
}

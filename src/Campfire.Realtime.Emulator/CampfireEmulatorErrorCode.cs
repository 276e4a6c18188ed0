namespace Campfire.Realtime.Emulator;

/// <summary>Why the emulator could not start or go on.</summary>
public enum CampfireEmulatorErrorCode
{
    /// <summary>No PostgreSQL 15 or newer is installed and no Docker engine answers.</summary>
    PostgresNotFound,

    /// <summary>PostgreSQL is installed but did not start; the message carries its last log lines.</summary>
    PostgresDidNotStart,

    /// <summary>The process runs as root and no way to run PostgreSQL as another user was found.</summary>
    UnprivilegedUserNotFound,

    /// <summary>The requested port cannot be opened: another program listens on it, or this user may not.</summary>
    PortInUse,

    /// <summary>A living emulator uses the data directory.</summary>
    DataDirectoryInUse,

    /// <summary>The data directory cannot be used: it holds other files or is not accessible. Or there is no folder for a temporary one.</summary>
    DataDirectoryUnusable,

    /// <summary>The server named by <see cref="CampfireEmulatorOptions.ConnectionString"/> cannot be reached or used.</summary>
    DatabaseUnusable,

    /// <summary>Supabase's surroundings or the product's migrations could not be applied.</summary>
    SetupFailed,

    /// <summary><see cref="CampfireEmulator.ResetAsync"/> did not come to its end; the message says what is still there.</summary>
    ResetFailed,
}

namespace Campfire.Realtime.Emulator;

/// <summary>What a fault did.</summary>
public enum EmulatorFaultKind
{
    /// <summary>All sockets were cut without a close frame.</summary>
    ConnectionsDropped,

    /// <summary>A channel's members were sent <c>phx_close</c>.</summary>
    ChannelClosed,

    /// <summary>A join was refused.</summary>
    JoinRefused,

    /// <summary>A broadcast was delivered to nobody.</summary>
    BroadcastLost,

    /// <summary>A broadcast was delivered twice.</summary>
    BroadcastDuplicated,

    /// <summary>A broadcast was held back and delivered behind later ones.</summary>
    BroadcastReordered,

    /// <summary>The database was stopped.</summary>
    DatabaseStopped,

    /// <summary>The database was started again.</summary>
    DatabaseStarted,
}

/// <summary>One fault that took effect.</summary>
/// <param name="Kind">What it did.</param>
/// <param name="Topic">The topic without <c>realtime:</c>; <see langword="null"/> when it did not concern one.</param>
/// <param name="At">When.</param>
public sealed record EmulatorFault(EmulatorFaultKind Kind, string? Topic, DateTimeOffset At);

namespace Campfire.Realtime.Emulator;

/// <summary>What a fault did.</summary>
public enum EmulatorFaultKind
{
    /// <summary>All sockets were cut without a close frame.</summary>
    ConnectionsDropped,

    /// <summary>All topics were told of a restart, and all sockets closed with 1012.</summary>
    RealtimeRestarted,

    /// <summary>A new socket was refused.</summary>
    ConnectionRefused,

    /// <summary>All sockets fell silent.</summary>
    ConnectionsHalfOpened,

    /// <summary>A new socket's upgrade request was left without an answer.</summary>
    UpgradeUnanswered,

    /// <summary>The silence ended.</summary>
    HalfOpenEnded,

    /// <summary>Frames began to be delayed.</summary>
    DelayStarted,

    /// <summary>Frames are no longer delayed.</summary>
    DelayEnded,

    /// <summary>A channel's members were sent <c>phx_close</c>.</summary>
    ChannelClosed,

    /// <summary>A channel was closed as if its token had expired.</summary>
    TokenExpired,

    /// <summary>A topic's channels were closed, or a broadcast was refused or dropped, for too many messages per second.</summary>
    RateLimited,

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
public sealed record EmulatorFault(EmulatorFaultKind Kind, string? Topic, DateTimeOffset At)
{
    /// <summary>How many sockets or channels it hit; 1 for a broadcast, a join, an upgrade or a request.</summary>
    public int Affected { get; init; } = 1;

    /// <summary>What it was in particular.</summary>
    /// <value>
    /// For a broadcast, or a row that a rate limit dropped, the payload as it was sent, in Base64 when it is binary; the
    /// reason of a refused join; the text that an expired or rate limited channel or request was given; the two durations
    /// of a delay; otherwise <see langword="null"/>.
    /// </value>
    public string? Detail { get; init; }
}

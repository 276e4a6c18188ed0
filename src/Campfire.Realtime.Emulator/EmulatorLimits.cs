namespace Campfire.Realtime.Emulator;

/// <summary>The quotas of the emulated project. The defaults are those of Supabase Realtime 2.129.</summary>
public sealed class EmulatorLimits
{
    /// <summary>Sockets with at least one joined channel; further upgrades and joins are refused.</summary>
    /// <value>200 by default; 0 or more.</value>
    public int MaxConcurrentUsers { get; set; } = 200;

    /// <summary>Channels on one socket; further joins are refused with <c>ChannelRateLimitReached</c>.</summary>
    /// <value>100 by default; 0 or more.</value>
    public int MaxChannelsPerClient { get; set; } = 100;

    /// <summary>
    /// Events per second of the whole project, as the mean over up to a minute. A broadcast is one event, and one more for
    /// each copy that is delivered. While there are too many, a channel that receives a broadcast is closed with
    /// <c>Too many messages per second</c>, REST answers 429, and broadcasts from the database are dropped.
    /// </summary>
    /// <remarks>The mean is renewed every 5 seconds, so a burst passes, and an excess is noticed late and lasts.</remarks>
    /// <value>100 by default; 1 or more, <see cref="int.MaxValue"/> for no limit.</value>
    public int MaxEventsPerSecond { get; set; } = 100;

    /// <summary>
    /// Joins per second of the whole project, as the mean over up to a minute. While there are too many, a join is refused
    /// with <c>ClientJoinRateLimitReached</c> and its socket closed with 1001, and upgrades are answered 429.
    /// </summary>
    /// <remarks>The mean is renewed every 5 seconds, as that of <see cref="MaxEventsPerSecond"/> is.</remarks>
    /// <value>100 by default; 1 or more, <see cref="int.MaxValue"/> for no limit.</value>
    public int MaxJoinsPerSecond { get; set; } = 100;

    /// <summary>
    /// Presence events per second of the whole project, as the mean over up to a minute: a track, and each state and diff that is
    /// delivered. While there are more, a channel that tracks, or joins with presence, is closed with
    /// <c>Too many presence messages per second</c>.
    /// </summary>
    /// <remarks>The mean is renewed every 5 seconds, as that of <see cref="MaxEventsPerSecond"/> is.</remarks>
    /// <value>1,000 by default; 1 or more, <see cref="int.MaxValue"/> for no limit.</value>
    public int MaxPresenceEventsPerSecond { get; set; } = 1000;

    /// <summary>Presence calls of one channel in <see cref="ClientPresenceWindow"/>; one more closes the channel.</summary>
    /// <value>5 by default; 0 or more.</value>
    public int MaxClientPresenceEventsPerWindow { get; set; } = 5;

    /// <summary>The window in which <see cref="MaxClientPresenceEventsPerWindow"/> is counted.</summary>
    /// <value>30 seconds by default; more than zero, at most 40 days.</value>
    public TimeSpan ClientPresenceWindow { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Size of one broadcast or presence payload, in units of 1,000 bytes; 500 bytes more are let through, as by Realtime.</summary>
    /// <value>3,000 by default; 1 to 1,000,000. A WebSocket frame has at most 5,000,000 bytes whatever this says.</value>
    public int MaxPayloadSizeInKilobytes { get; set; } = 3000;

    /// <summary>Frames that may wait for a slow socket before it is cut, without a close frame.</summary>
    /// <value>8,192 by default; 1 or more.</value>
    public int MaxQueuedFramesPerSocket { get; set; } = 8192;

    /// <summary>Whether the project accepts private channels only.</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool IsPrivateOnly { get; set; }

    /// <summary>How long a socket may stay without a byte from the client before it is closed with 1000.</summary>
    /// <value>66 seconds by default; more than zero, at most 40 days.</value>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(66);

    internal int MaxPayloadBytes => (MaxPayloadSizeInKilobytes * 1000) + 500;

    internal EmulatorLimits Copy() => (EmulatorLimits)MemberwiseClone();
}

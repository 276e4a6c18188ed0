namespace Campfire.Realtime;

/// <summary>Says where a connection is in its life.</summary>
public enum CampfireConnectionState
{
    /// <summary>Not connected, and not trying: before <c>ConnectAsync</c>, or after a refusal that waiting cannot mend.</summary>
    Disconnected,

    /// <summary>Connecting for the first time.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Connected,

    /// <summary>Was connected, and is on the way to be so again.</summary>
    Reconnecting,

    /// <summary>Closed by the application. Final.</summary>
    Closed,
}

/// <summary>The state of a connection at one moment.</summary>
/// <param name="State">Where the connection is in its life.</param>
/// <param name="Reason">Why it is there, in words; <see langword="null"/> when there is nothing to say.</param>
/// <param name="Attempt">Which attempt in a row is under way or awaited, from 1; 0 while connected or at rest.</param>
/// <param name="NextRetryIn">How long until the next attempt; <see langword="null"/> when none is awaited.</param>
public sealed record CampfireStatus(CampfireConnectionState State, string? Reason = null, int Attempt = 0, TimeSpan? NextRetryIn = null)
{
    /// <summary>Gets whether a conversation or an inbox polls the database at the moment, because its channel is away.</summary>
    /// <value>The default is <see langword="false"/>. See <see cref="Conversation.State"/> for which.</value>
    public bool IsPolling { get; init; }
}

namespace Campfire.Realtime;

/// <summary>Says how events arrive.</summary>
public enum DeliveryMode
{
    /// <summary>From the channel, as they happen.</summary>
    Live,

    /// <summary>Not at the moment: the channel is away, and <see cref="CampfireClientOptions.PollAfter"/> has not passed yet.</summary>
    Interrupted,

    /// <summary>From the database, every <see cref="CampfireClientOptions.PollInterval"/>, until the channel is live again.</summary>
    Polling,

    /// <summary>Not any more. Final.</summary>
    Ended,
}

/// <summary>How the events of a conversation or an inbox arrive at one moment.</summary>
/// <param name="Mode">How they arrive.</param>
/// <param name="Reason">Why they do not arrive live, in words; <see langword="null"/> while they do.</param>
public sealed record DeliveryState(DeliveryMode Mode, string? Reason = null);

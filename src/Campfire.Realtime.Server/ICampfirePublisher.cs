using System.Text.Json.Serialization.Metadata;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Server;

/// <summary>Publishes ephemeral events. Thread-safe.</summary>
/// <remarks>Messages are not published this way: the database broadcasts them in the transaction that stores them.</remarks>
public interface ICampfirePublisher
{
    /// <summary>Broadcasts an event to everybody who has joined the channel. Completes when Realtime has accepted it.</summary>
    /// <remarks>
    /// Transient failures are tried again three times. Nothing is stored: who is not connected misses the event, and after a failure
    /// it may arrive twice.
    /// </remarks>
    /// <typeparam name="T">The payload's type. It must become a JSON object.</typeparam>
    /// <param name="channel">The channel.</param>
    /// <param name="eventName">The event's name, <c>{resource}:{action}[:{detail}]</c>; see <see cref="EventNames"/>.</param>
    /// <param name="payload">The payload, below 60 kB.</param>
    /// <param name="payloadType">How the payload is serialized, for example <c>CampfireJsonContext.Default.TypingNotice</c>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The name is not of the standard's form, or the payload is no JSON object.</exception>
    /// <exception cref="CampfireException">
    /// Realtime refused the event or could not be reached: <see cref="CampfireErrorCode.InvalidApiKey"/>,
    /// <see cref="CampfireErrorCode.AccessDenied"/>, <see cref="CampfireErrorCode.Invalid"/>,
    /// <see cref="CampfireErrorCode.RateLimited"/>, <see cref="CampfireErrorCode.Timeout"/> or <see cref="CampfireErrorCode.Unavailable"/>.
    /// </exception>
    Task PublishAsync<T>(
        ChannelName channel, string eventName, T payload, JsonTypeInfo<T> payloadType, CancellationToken cancellationToken = default);
}

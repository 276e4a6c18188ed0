using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol;

/// <summary>Something that happened in a conversation.</summary>
/// <remarks>
/// A <see cref="StoredEvent"/> comes from the conversation's log and carries its sequence. All other events
/// (<see cref="ReadReceipt"/>, <see cref="AiResponseDelta"/>) are ephemeral: they are not stored and may be missed.
/// </remarks>
public abstract record ConversationEvent
{
    /// <summary>Gets the conversation that the event belongs to.</summary>
    public virtual Guid ConversationId { get; init; }
}

/// <summary>An event of a conversation's log.</summary>
public abstract record StoredEvent : ConversationEvent
{
    /// <summary>Gets the position in the conversation's log: 1, 2, 3… without holes.</summary>
    public long Sequence { get; init; }

    /// <summary>Gets the event's name, one of <see cref="EventNames"/> or a newer one.</summary>
    [JsonIgnore]
    public abstract string Name { get; }
}

/// <summary>A stored event that this version of the library does not know, or cannot read.</summary>
/// <param name="EventName">The name on the wire.</param>
/// <param name="Payload">The payload as it was stored.</param>
public sealed record UnknownStoredEvent(string EventName, JsonElement Payload) : StoredEvent
{
    /// <inheritdoc/>
    public override string Name => EventName;
}

using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol;

/// <summary>Says where a conversation stands.</summary>
[JsonConverter(typeof(NamedEnumConverter<ConversationStatus>))]
public enum ConversationStatus
{
    /// <summary>Waits for its first answer.</summary>
    Open,

    /// <summary>Waits for something outside of the conversation.</summary>
    Pending,

    /// <summary>Belongs to an agent.</summary>
    Assigned,

    /// <summary>Is finished; a message of the visitor opens it again.</summary>
    Closed,

    /// <summary>Is finished for good.</summary>
    Archived,
}

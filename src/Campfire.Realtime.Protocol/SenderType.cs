using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol;

/// <summary>Says who wrote a message. The database derives it from the token, never from the sender's word.</summary>
[JsonConverter(typeof(NamedEnumConverter<SenderType>))]
public enum SenderType
{
    /// <summary>The visitor of the conversation.</summary>
    Visitor,

    /// <summary>A member of the organization.</summary>
    Agent,

    /// <summary>An AI that holds the conversation.</summary>
    Ai,

    /// <summary>The server itself.</summary>
    System,
}

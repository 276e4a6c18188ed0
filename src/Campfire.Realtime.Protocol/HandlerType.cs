using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol;

/// <summary>Says who answers in a conversation.</summary>
[JsonConverter(typeof(NamedEnumConverter<HandlerType>))]
public enum HandlerType
{
    /// <summary>Nobody yet.</summary>
    None,

    /// <summary>An AI.</summary>
    Ai,

    /// <summary>A human agent.</summary>
    Human,
}

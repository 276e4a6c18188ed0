using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol;

/// <summary>Says how urgent a conversation is.</summary>
[JsonConverter(typeof(NamedEnumConverter<ConversationPriority>))]
public enum ConversationPriority
{
    /// <summary>Can wait.</summary>
    Low,

    /// <summary>The default.</summary>
    Medium,

    /// <summary>Before others.</summary>
    High,

    /// <summary>At once.</summary>
    Urgent,
}

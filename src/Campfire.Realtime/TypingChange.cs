using Campfire.Realtime.Protocol;

namespace Campfire.Realtime;

/// <summary>Somebody started or stopped typing.</summary>
/// <param name="Participant">Who, by its own account.</param>
/// <param name="IsTyping">Whether it is typing now.</param>
public sealed record TypingChange(TypingNotice Participant, bool IsTyping);

namespace Campfire.Realtime;

/// <summary>A message that the database has stored.</summary>
/// <param name="Id">The message's identifier, as it was sent.</param>
/// <param name="Sequence">The message's place in the conversation's log.</param>
/// <param name="CreatedAt">When the database stored it, in UTC.</param>
public sealed record SentMessage(Guid Id, long Sequence, DateTimeOffset CreatedAt);

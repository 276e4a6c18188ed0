namespace Campfire.Realtime.Server.Tokens;

/// <summary>A signed-in user. What he may do in which organization is the database's to say.</summary>
internal sealed record AgentIdentity(Guid UserId, string Token) : ICallerIdentity;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>Who calls: proven by the token, which speaks for the visitor at the database as well.</summary>
internal sealed record VisitorIdentity(Guid OrganizationId, Guid ConversationId, Guid VisitorId, string Token) : ICallerIdentity;

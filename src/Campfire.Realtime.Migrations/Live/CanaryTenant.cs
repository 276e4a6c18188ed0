namespace Campfire.Realtime.Migrations.Live;

// An organization with one agent, and one visitor in a conversation.
internal sealed record CanaryTenant(Guid OrganizationId, Guid AgentId, Guid VisitorId, Guid ConversationId)
{
    public string Organization => $"realtime:bcast:org:{OrganizationId}";

    public string Conversations => $"{Organization}:conversations";

    public string Conversation => $"{Organization}:conv:{ConversationId}";

    public string Typing => $"{Conversation}:typing";

    public static CanaryTenant Create() =>
        new(Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
}

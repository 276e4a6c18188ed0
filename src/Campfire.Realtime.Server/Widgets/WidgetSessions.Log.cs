using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Widgets;

internal sealed partial class WidgetSessions
{
    [LoggerMessage(2010, LogLevel.Information, "A visitor opened conversation {ConversationId} of organization {OrganizationId}")]
    private partial void ConversationOpened(Guid organizationId, Guid conversationId);

    [LoggerMessage(2011, LogLevel.Debug, "A visitor resumed conversation {ConversationId} of organization {OrganizationId}")]
    private partial void ConversationResumed(Guid organizationId, Guid conversationId);
}

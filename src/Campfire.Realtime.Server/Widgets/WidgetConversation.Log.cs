using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Widgets;

internal sealed partial class WidgetConversation
{
    [LoggerMessage(2012, LogLevel.Warning, "Message {Sequence} of conversation {ConversationId} could not be read and was left out")]
    private partial void MessageUnreadable(Guid conversationId, long sequence);
}

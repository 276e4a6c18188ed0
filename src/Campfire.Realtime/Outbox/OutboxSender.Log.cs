using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Outbox;

internal sealed partial class OutboxSender
{
    private void LogFailure(OutboxMessage item, Exception e, int attempt)
    {
        if (e is not CampfireException campfire)
            LogUnexpected(e, item.ConversationId, attempt);
        else if (campfire.IsTransient)
            LogRetry(item.ConversationId, campfire.Code, attempt);
        else
            LogWaits(item.ConversationId, campfire.Code, attempt, campfire.Message);
    }

    [LoggerMessage(1430, LogLevel.Information, "{Count} messages of an earlier run are in the outbox")]
    private partial void LogPending(int count);

    [LoggerMessage(1431, LogLevel.Warning, "Storing a message from the outbox in {ConversationId} failed ({Code}), attempt {Attempt}")]
    private partial void LogRetry(Guid conversationId, CampfireErrorCode code, int attempt);

    [LoggerMessage(1432, LogLevel.Warning, "The outbox waits with the messages of {ConversationId} ({Code}), attempt {Attempt}: {Reason}")]
    private partial void LogWaits(Guid conversationId, CampfireErrorCode code, int attempt, string reason);

    [LoggerMessage(1433, LogLevel.Error, "Storing a message from the outbox in {ConversationId} failed unexpectedly, attempt {Attempt}")]
    private partial void LogUnexpected(Exception e, Guid conversationId, int attempt);

    [LoggerMessage(1434, LogLevel.Warning, "Message {MessageId} from the outbox was refused by {ConversationId} ({Code}) and dropped")]
    private partial void LogRefused(Guid messageId, Guid conversationId, CampfireErrorCode code);

    [LoggerMessage(1435, LogLevel.Error, "Message {MessageId} is done but could not be removed from the outbox, attempt {Attempt}; its result is told when it is removed")]
    private partial void LogNotRemoved(Exception e, Guid messageId, int attempt);

    [LoggerMessage(1436, LogLevel.Error, "The outbox could not be read, attempt {Attempt}")]
    private partial void LogUnreadable(Exception e, int attempt);

    [LoggerMessage(1437, LogLevel.Warning, "Nobody reads the results of the outbox; the one of message {MessageId} was dropped")]
    private partial void LogResultDropped(Guid messageId);

    [LoggerMessage(1438, LogLevel.Error, "The outbox failed while the client was disposed; what it still holds is sent by the next run")]
    private partial void LogEnded(Exception e);

    [LoggerMessage(1439, LogLevel.Information, "Message {MessageId} for {ConversationId} was withdrawn from the outbox")]
    private partial void LogWithdrawn(Guid messageId, Guid conversationId);
}

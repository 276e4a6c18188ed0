using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

internal sealed partial class ConversationPump
{
    [LoggerMessage(1410, LogLevel.Debug, "{ConversationId} misses sequence {Sequence}; reading the log")]
    private partial void LogHole(Guid conversationId, long sequence);

    [LoggerMessage(1411, LogLevel.Debug, "Recovered {Count} events of {ConversationId} from the log, up to {Sequence}")]
    private partial void LogRecovered(Guid conversationId, int count, long sequence);

    [LoggerMessage(1412, LogLevel.Warning, "The log of {ConversationId} has nothing that can be read from {First} to {Last}")]
    private partial void LogHistoryGap(Guid conversationId, long first, long last);
}

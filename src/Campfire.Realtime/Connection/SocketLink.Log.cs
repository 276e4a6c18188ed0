using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

internal sealed partial class SocketLink
{
    [LoggerMessage(1111, LogLevel.Debug, "The goodbye could not be sent: {Reason}")]
    private partial void LogCloseFailed(string reason);

    [LoggerMessage(1112, LogLevel.Error, "A connection ends because of an error of the client itself")]
    private partial void LogLoopFailed(Exception error);
}

using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Connection;

internal sealed partial class ConnectionLoop
{
    [LoggerMessage(1100, LogLevel.Debug, "Connecting to {Host}")]
    private partial void LogConnecting(string host);

    [LoggerMessage(1101, LogLevel.Information, "Connected to {Host}")]
    private partial void LogConnected(string host);

    [LoggerMessage(1102, LogLevel.Warning, "Connecting failed ({Class}): {Reason}")]
    private partial void LogConnectFailed(RefusalClass @class, string reason);

    [LoggerMessage(1103, LogLevel.Warning, "The connection was lost: {Reason}")]
    private partial void LogConnectionLost(string reason);

    [LoggerMessage(1104, LogLevel.Error, "Connecting failed in a way that is not known")]
    private partial void LogUnexpected(Exception error);

    [LoggerMessage(1105, LogLevel.Debug, "Closed the connection to {Host}, because no channel is joined on it")]
    private partial void LogResting(string host);
}

using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Channels;

internal sealed partial class ChannelSession
{
    [LoggerMessage(1200, LogLevel.Debug, "Joined {Channel}")]
    private partial void LogJoined(ChannelName channel);

    [LoggerMessage(1201, LogLevel.Warning, "Lost {Channel} ({Class}): {Reason}")]
    private partial void LogMembershipLost(ChannelName channel, RefusalClass @class, string reason);

    [LoggerMessage(1202, LogLevel.Error, "{Channel} ended ({Code}): {Reason}")]
    private partial void LogEnded(ChannelName channel, CampfireErrorCode code, string reason);

    [LoggerMessage(1205, LogLevel.Debug, "Left {Channel} without an answer from the server")]
    private partial void LogLeftSilently(ChannelName channel);
}

using Campfire.Realtime.Protocol;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Publishing;

internal sealed partial class RealtimePublisher
{
    [LoggerMessage(2020, LogLevel.Debug, "Published {EventName} on {Channel}, {Bytes} bytes")]
    private partial void Published(ChannelName channel, string eventName, int bytes);

    [LoggerMessage(2021, LogLevel.Warning, "Publishing again (attempt {Attempt}) in {Delay}")]
    private partial void PublishingAgain(int attempt, TimeSpan delay, Exception? exception);
}

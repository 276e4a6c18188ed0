using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed partial class MessageStream
{
    [LoggerMessage(3000, LogLevel.Warning, "The stream of broadcasts from the database broke; it starts again, without what is inserted meanwhile.")]
    private partial void StreamLost(Exception? failure);

    [LoggerMessage(3004, LogLevel.Debug, "The stream of broadcasts from the database could not start again yet.")]
    private partial void StreamStillLost(Exception? failure);

    [LoggerMessage(3005, LogLevel.Information, "The stream of broadcasts from the database runs again; what is inserted from now on is delivered.")]
    private partial void StreamRestored();

    [LoggerMessage(3001, LogLevel.Warning, "A row of realtime.messages was not broadcast: topic, event, id, private or payload is null.")]
    private partial void RowIncomplete();

    [LoggerMessage(3002, LogLevel.Warning, "A row of realtime.messages was not broadcast: its payload has {Bytes} bytes.")]
    private partial void RowTooLarge(int bytes);

    [LoggerMessage(3003, LogLevel.Warning, "A broadcast from the database did not reach every member: its topic or event is longer than 255 bytes.")]
    private partial void NameTooLong();

    [LoggerMessage(3006, LogLevel.Warning, "A row of realtime.messages was not broadcast: the project exceeds its messages per second.")]
    private partial void TooManyEvents();
}

using System.Net.WebSockets;
using Campfire.Realtime.Emulator.Realtime;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class SocketLifetimeTests
{
    [Test]
    public async Task A_socket_that_has_ended_by_itself_is_left_alone_by_who_comes_late_to_end_it()
    {
        using var connection = WebSocket.CreateFromStream(Stream.Null, isServer: true, subProtocol: null, Timeout.InfiniteTimeSpan);
        var services = new RealtimeServices(
            null!, new SocketRegistry(), null!, null!, null!, null!, null!, new EmulatorLimits(), EmulatorDelays.Fast, TimeProvider.System);
        var aborts = 0;
        var socket = new RealtimeSocket(services, connection, default, "", "{}", () => aborts++, NullLogger.Instance);
        await socket.RunAsync();
        socket.Dispose();
        var abortsOfItsOwn = aborts;

        socket.Abort();
        await socket.CloseAsync((WebSocketCloseStatus)1012);

        Assert.That(abortsOfItsOwn, Is.Positive, "the connection broke off");
        Assert.That(aborts, Is.EqualTo(abortsOfItsOwn));
    }
}

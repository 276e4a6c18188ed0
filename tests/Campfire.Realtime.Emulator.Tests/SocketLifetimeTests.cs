using System.Net.WebSockets;
using Campfire.Realtime.Emulator.Realtime;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

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
        await socket.RunAsync(drainsBefore: 0);
        socket.Dispose();
        var abortsOfItsOwn = aborts;

        socket.Abort();
        await socket.CloseAsync((WebSocketCloseStatus)1012);

        Assert.That(abortsOfItsOwn, Is.Positive, "the connection broke off");
        Assert.That(aborts, Is.EqualTo(abortsOfItsOwn));
    }

    [Test]
    public async Task A_socket_whose_client_does_not_answer_keeps_no_emulator_alive_although_its_clock_stands_still()
    {
        var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, TimeProvider = new FakeTimeProvider(DateTimeOffset.UtcNow) });
        using var silent = new ClientWebSocket();
        await silent.ConnectAsync(new Uri($"ws://{emulator.Url.Authority}/realtime/v1/websocket?apikey={emulator.AnonKey}"), CancellationToken.None);

        await emulator.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }
}

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

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_socket_that_was_let_in_before_a_restart_and_comes_behind_it_is_closed_with_1012(bool isLate)
    {
        var written = new MemoryStream();
        using var connection = WebSocket.CreateFromStream(new Outgoing(written), isServer: true, subProtocol: null, Timeout.InfiniteTimeSpan);
        var registry = new SocketRegistry();
        var services = new RealtimeServices(
            null!, registry, null!, null!, null!, null!, null!, new EmulatorLimits(), EmulatorDelays.Fast, TimeProvider.System);
        using var socket = new RealtimeSocket(services, connection, default, "", "{}", () => { }, NullLogger.Instance);
        var drainsBefore = registry.Drains;
        if (isLate)
            registry.DrainAll();

        var running = socket.RunAsync(drainsBefore);
        if (!isLate)
            registry.DrainAll();
        await running;

        Assert.That(written.ToArray(), Is.EqualTo(new byte[] { 0x88, 2, 0x03, 0xF4 }));
    }

    [Test]
    public async Task A_socket_whose_client_does_not_answer_keeps_no_emulator_alive_although_its_clock_stands_still()
    {
        var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, TimeProvider = new FakeTimeProvider(DateTimeOffset.UtcNow) });
        using var silent = new ClientWebSocket();
        await silent.ConnectAsync(new Uri($"ws://{emulator.Url.Authority}/realtime/v1/websocket?apikey={emulator.AnonKey}"), CancellationToken.None);

        await emulator.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    // A client that sends nothing; it is gone when the server has said something.
    private sealed class Outgoing(MemoryStream written) : Stream
    {
        private readonly TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await _said.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellationToken);
            return 0;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await written.WriteAsync(buffer, cancellationToken);
            _said.TrySetResult();
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

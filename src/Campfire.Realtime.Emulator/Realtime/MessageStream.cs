using System.Text;
using Microsoft.Extensions.Logging;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;

namespace Campfire.Realtime.Emulator.Realtime;

// Broadcasts from the database: rows inserted into realtime.messages, as they are committed.
internal sealed partial class MessageStream : IAsyncDisposable
{
    private const string Publication = "supabase_realtime_messages_publication";
    private const string SlotPrefix = "supabase_realtime_messages_replication_slot_";
    private static readonly TimeSpan _reconnectDelay = TimeSpan.FromMilliseconds(500);

    private readonly NpgsqlDataSource _database;
    private readonly string _connectionString;
    private readonly TopicHub _hub;
    private readonly ProjectRates _rates;
    private readonly EmulatorLimits _limits;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private volatile TaskCompletionSource _established = NewSignal();
    private volatile TaskCompletionSource _lost = NewSignal();
    private Task _running = Task.CompletedTask;
    private volatile Marker? _marker;
    private volatile int _walSender;
    private bool _isLost;

    public MessageStream(
        NpgsqlDataSource database, string connectionString, TopicHub hub, ProjectRates rates, EmulatorLimits limits, ILogger<MessageStream> logger)
    {
        _database = database;
        _connectionString = connectionString;
        _hub = hub;
        _rates = rates;
        _limits = limits;
        _logger = logger;
    }

    // Completed while rows are being streamed.
    // Ends when the present stream breaks.
    public Task Lost => _lost.Task;

    public Task Established => _established.Task;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _running = RunAsync(_stopping.Token);
        var first = await Task.WhenAny(_established.Task, _running).WaitAsync(cancellationToken).ConfigureAwait(false);
        await first.ConfigureAwait(false);
    }

    // To be called before the marker is emitted, one at a time. The task ends when everything that was committed before it
    // has been delivered, or never will be.
    public Task PassedAsync(string name)
    {
        var marker = new Marker(name, NewSignal());
        _marker = marker;
        Interlocked.MemoryBarrier();
        if (_walSender == 0 || !_established.Task.IsCompleted)
            marker.Passed.TrySetResult();
        return marker.Passed.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await TerminateWalSenderAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stopping.Dispose();
    }

    // Npgsql turns a cancelled token into a cancel request, which a server that only just starts to stream overlooks;
    // the stream would then go on for ever. A terminated one ends in any case.
    private async Task TerminateWalSenderAsync()
    {
        var walSender = _walSender;
        if (walSender == 0)
            return;
        try
        {
            var command = _database.CreateCommand("select pg_terminate_backend($1)");
            await using (command.ConfigureAwait(false))
            {
                command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = walSender });
                await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            }
        }
        catch (NpgsqlException failure)
        {
            // Without a server there is no stream either.
            StreamLost(failure);
        }
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await StreamAsync(stopping).ConfigureAwait(false);
                if (!stopping.IsCancellationRequested)
                    await LoseStreamAsync(failure: null, stopping).ConfigureAwait(false);
            }
            catch (Exception failure) when (stopping.IsCancellationRequested && failure is (OperationCanceledException or NpgsqlException or IOException))
            {
                return;
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                // Whatever it was: without a new stream no broadcast of the database would ever arrive again.
                await LoseStreamAsync(failure, stopping).ConfigureAwait(false);
            }
        }
    }

    // A server that is shut down ends the stream without a failure.
    private async Task LoseStreamAsync(Exception? failure, CancellationToken stopping)
    {
        if (_established.Task.IsCompleted)
            _established = NewSignal();
        // Once is enough: a database may be gone for hours.
        if (_isLost)
            StreamStillLost(failure);
        else
            StreamLost(failure);
        _isLost = true;
        _lost.TrySetResult();
        try
        {
            // By the wall's clock: the emulated one may be standing still.
            await Task.Delay(_reconnectDelay, TimeProvider.System, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }
    }

    private async Task StreamAsync(CancellationToken stopping)
    {
        var connection = new LogicalReplicationConnection(_connectionString);
        await using (connection.ConfigureAwait(false))
        {
            await connection.Open(stopping).ConfigureAwait(false);
            _walSender = connection.ProcessID;
            if (stopping.IsCancellationRequested)
                return;
            try
            {
                await StreamAsync(connection).ConfigureAwait(false);
            }
            finally
            {
                _walSender = 0;
                // The next stream begins behind whatever this one did not see.
                Interlocked.MemoryBarrier();
                _marker?.Passed.TrySetResult();
            }
        }
    }

    private async Task StreamAsync(LogicalReplicationConnection connection)
    {
        // The slot is temporary, as Realtime's is: what is inserted while nobody streams is delivered by nobody.
        var slot = await connection.CreatePgOutputReplicationSlot(
            SlotPrefix + Guid.NewGuid().ToString("N"),
            temporarySlot: true,
            slotSnapshotInitMode: LogicalSlotSnapshotInitMode.NoExport).ConfigureAwait(false);
        // Nothing committed from here on is missed, though the stream itself only starts below.
        _lost = NewSignal();
        if (_isLost)
            StreamRestored();
        _isLost = false;
        _established.TrySetResult();

        var options = new PgOutputReplicationOptions(Publication, PgOutputProtocolVersion.V2, binary: true, messages: true);
        await foreach (var message in connection.StartReplication(slot, options, CancellationToken.None).ConfigureAwait(false))
        {
            if (message is InsertMessage insert)
                await PublishAsync(insert).ConfigureAwait(false);
            else if (message is LogicalDecodingMessage marker && _marker is { } awaited && awaited.Name == marker.Prefix)
                awaited.Passed.TrySetResult();
            connection.SetReplicationStatus(message.WalEnd);
        }
    }

    private async Task PublishAsync(InsertMessage insert)
    {
        string? topic = null, userEvent = null;
        byte[]? payload = null, binaryPayload = null;
        Guid? id = null;
        bool? isPrivate = null;
        await foreach (var value in insert.NewRow.ConfigureAwait(false))
        {
            if (value.IsDBNull)
                continue;
            switch (value.GetFieldName())
            {
                case "topic":
                    topic = await value.Get<string>().ConfigureAwait(false);
                    break;
                case "event":
                    userEvent = await value.Get<string>().ConfigureAwait(false);
                    break;
                case "payload":
                    payload = await value.Get<byte[]>().ConfigureAwait(false);
                    break;
                case "binary_payload":
                    binaryPayload = await value.Get<byte[]>().ConfigureAwait(false);
                    break;
                case "private":
                    isPrivate = await value.Get<bool>().ConfigureAwait(false);
                    break;
                case "id":
                    id = await value.Get<Guid>().ConfigureAwait(false);
                    break;
            }
        }

        if (topic is null || userEvent is null || id is null || isPrivate is null || (binaryPayload ?? payload) is not { } bytes)
        {
            RowIncomplete();
            return;
        }
        if (bytes.Length > _limits.MaxPayloadBytes)
        {
            RowTooLarge(bytes.Length);
            return;
        }
        if (_rates.Events.IsExceeded)
        {
            TooManyEvents();
            return;
        }
        _rates.Events.Count();
        if (_hub.Find(topic, isPrivate.Value) is not { } audience)
            return;
        var frames = BroadcastFrames.User(audience.WireName, Encoding.UTF8.GetBytes(userEvent), bytes, binaryPayload is not null, id.Value.ToString());
        if (!_hub.Broadcast(audience, frames, sender: null))
            NameTooLong();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Marker(string Name, TaskCompletionSource Passed);
}

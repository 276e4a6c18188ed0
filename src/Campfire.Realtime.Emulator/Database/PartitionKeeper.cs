using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

// Without a partition for today, every broadcast from the database would be lost.
internal sealed partial class PartitionKeeper : IAsyncDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromHours(1);
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    public PartitionKeeper(NpgsqlDataSource database, TimeProvider time, ILogger<PartitionKeeper> logger)
    {
        _database = database;
        _time = time;
        _logger = logger;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await MaintainAsync(cancellationToken).ConfigureAwait(false);
        _running = RunAsync(_stopping.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(_interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false))
            {
                try
                {
                    await MaintainAsync(stopping).ConfigureAwait(false);
                }
                // Whatever it is, the next hour tries again: three days' partitions are there already.
                catch (Exception failure) when (!stopping.IsCancellationRequested)
                {
                    PartitionsNotMaintained(failure);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task MaintainAsync(CancellationToken cancellationToken)
    {
        // The server's clock decides, since it also dates the rows.
        var command = _database.CreateCommand("select emulator.maintain_message_partitions()");
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(3030, LogLevel.Error, "The daily partitions of realtime.messages could not be maintained; broadcasts from the database may be lost.")]
    private partial void PartitionsNotMaintained(Exception failure);
}

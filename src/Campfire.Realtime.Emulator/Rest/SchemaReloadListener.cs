using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// Migrations end with `notify pgrst, 'reload schema'`, which is how PostgREST learns of changed functions and roles.
internal sealed partial class SchemaReloadListener(
    NpgsqlDataSource database, FunctionCatalog catalog, RoleSettings roles, ILogger<SchemaReloadListener> logger) : IAsyncDisposable
{
    private static readonly TimeSpan _reconnectDelay = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILogger _logger = logger;
    private Task _running = Task.CompletedTask;

    public void Start() => _running = RunAsync(_stopping.Token);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await ListenAsync(stopping).ConfigureAwait(false);
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                ListeningFailed(failure);
                await Task.Delay(_reconnectDelay, TimeProvider.System, stopping).ConfigureAwait(false);
            }
        }
    }

    private async Task ListenAsync(CancellationToken stopping)
    {
        var connection = await database.OpenConnectionAsync(stopping).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            connection.Notification += (_, _) => Forget();
            var listen = new NpgsqlCommand("listen pgrst", connection);
            await using (listen.ConfigureAwait(false))
                await listen.ExecuteNonQueryAsync(stopping).ConfigureAwait(false);
            // Whatever was announced while nobody listened.
            Forget();
            while (true)
                await connection.WaitAsync(stopping).ConfigureAwait(false);
        }
    }

    private void Forget()
    {
        catalog.Forget();
        roles.Forget();
    }

    [LoggerMessage(3040, LogLevel.Warning, "Nobody listens for changed functions; the emulator tries again.")]
    private partial void ListeningFailed(Exception failure);
}

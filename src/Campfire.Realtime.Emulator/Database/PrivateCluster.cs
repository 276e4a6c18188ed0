namespace Campfire.Realtime.Emulator.Database;

internal sealed class PrivateCluster : IDatabaseServer
{
    private readonly ClusterFolder _folder;
    private readonly PostmasterProcess _postmaster;
    private readonly SemaphoreSlim _switching = new(1, 1);
    private bool _isStopped;
    private int _port;
    private int _isDisposed;

    private PrivateCluster(ClusterFolder folder, PostmasterProcess postmaster)
    {
        _folder = folder;
        _postmaster = postmaster;
    }

    public string AdminConnectionString { get; private set; } = "";

    // Takes the folder over, also when it fails.
    public static async Task<PrivateCluster> StartAsync(
        ClusterFolder folder, PostgresInstallation installation, CancellationToken cancellationToken)
    {
        PrivateCluster? cluster = null;
        try
        {
            var user = PostgresUser.Choose();
            cluster = new PrivateCluster(folder, new PostmasterProcess(folder, installation, user));
            await RemoveAbandonedAsync(folder, installation, user, cancellationToken).ConfigureAwait(false);
            await cluster.StartAsync(new ClusterTemplate(installation, user), user, cancellationToken).ConfigureAwait(false);
            AppDomain.CurrentDomain.ProcessExit += cluster.OnProcessExit;
            return cluster;
        }
        catch
        {
            if (cluster is not null)
                await cluster.DisposeAsync().ConfigureAwait(false);
            else
                folder.Release();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        await _postmaster.DisposeAsync().ConfigureAwait(false);
        _folder.Release();
        _switching.Dispose();
    }

    // False when it was stopped already.
    public Task<bool> StopAsync(CancellationToken cancellationToken) =>
        SwitchAsync(isStopped: true, () => _postmaster.StopAbruptlyAsync(cancellationToken), cancellationToken);

    // On the same port, so that every connection string stays true. False when it is running.
    public Task<bool> StartAgainAsync(CancellationToken cancellationToken) =>
        SwitchAsync(isStopped: false, () => _postmaster.StartAgainAsync(_port, cancellationToken), cancellationToken);

    // A program that is told to terminate may end without disposing; the cluster must not outlive it.
    private void OnProcessExit(object? sender, EventArgs e) => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task<bool> SwitchAsync(bool isStopped, Func<Task> switchAsync, CancellationToken cancellationToken)
    {
        await _switching.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isStopped == isStopped)
                return false;
            await switchAsync().ConfigureAwait(false);
            _isStopped = isStopped;
            return true;
        }
        finally
        {
            _switching.Release();
        }
    }

    private async Task StartAsync(ClusterTemplate template, PostgresUser user, CancellationToken cancellationToken)
    {
        if (_folder.HasData)
        {
            // Its last owner may have died without stopping the server.
            await _postmaster.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            await template.CopyToAsync(_folder, cancellationToken).ConfigureAwait(false);
            await user.TakeOwnershipAsync(_folder.IsTemporary ? _folder.FullPath : _folder.DataPath, cancellationToken).ConfigureAwait(false);
        }
        if (!_folder.IsTemporary)
            await user.EnsureCanEnterAsync(_folder.FullPath, cancellationToken).ConfigureAwait(false);
        var password = await ClusterTemplate.ReadAdminPasswordAsync(_folder, cancellationToken).ConfigureAwait(false);
        _port = await _postmaster.StartAsync(cancellationToken).ConfigureAwait(false);
        AdminConnectionString = PostmasterProcess.AdminConnection(_port, password);
    }

    private static async Task RemoveAbandonedAsync(
        ClusterFolder own, PostgresInstallation installation, PostgresUser user, CancellationToken cancellationToken)
    {
        if (!own.IsLockedForOthers())
            return;
        foreach (var abandoned in ClusterFolder.TakeAbandoned())
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                await new PostmasterProcess(abandoned, installation, user).DisposeAsync().ConfigureAwait(false);
                abandoned.Release();
            }
            catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
            {
                // It belongs to another user, whose next emulator will remove it.
                abandoned.Unlock();
            }
        }
    }
}

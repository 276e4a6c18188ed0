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

    // Takes the folder over, also when it fails; null for a temporary one.
    public static async Task<PrivateCluster> StartAsync(
        ClusterFolder? permanent, PostgresInstallation installation, CancellationToken cancellationToken)
    {
        var folder = permanent;
        PrivateCluster? cluster = null;
        try
        {
            var user = PostgresUser.Choose();
            folder ??= await TemporaryClusters.CreateAsync(installation, user, cancellationToken).ConfigureAwait(false);
            cluster = new PrivateCluster(folder, new PostmasterProcess(folder, installation, user));
            await cluster.StartAsync(new ClusterTemplate(installation, user), user, cancellationToken).ConfigureAwait(false);
            AppDomain.CurrentDomain.ProcessExit += cluster.OnProcessExit;
            return cluster;
        }
        catch
        {
            if (cluster is not null)
                await cluster.DisposeAsync().ConfigureAwait(false);
            else if (folder is not null)
                await folder.ReleaseAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        // Kept for good, so that whoever comes later finds it disposed of rather than running.
        await _switching.WaitAsync().ConfigureAwait(false);
        await _postmaster.DisposeAsync().ConfigureAwait(false);
        await _folder.ReleaseAsync().ConfigureAwait(false);
    }

    // False when it was stopped already.
    public Task<bool> StopAsync(CancellationToken cancellationToken) =>
        SwitchAsync(isStopped: true, _postmaster.StopAbruptlyAsync, cancellationToken);

    // On the same port, so that every connection string stays true. False when it is running.
    public Task<bool> StartAgainAsync(CancellationToken cancellationToken) =>
        SwitchAsync(isStopped: false, () => _postmaster.StartAgainAsync(_port), cancellationToken);

    // A program that is told to terminate may end without disposing; the cluster must not outlive it.
    private void OnProcessExit(object? sender, EventArgs e) => DisposeAsync().AsTask().GetAwaiter().GetResult();

    // Not to be cancelled once it has begun: nobody would know then whether the server runs.
    private async Task<bool> SwitchAsync(bool isStopped, Func<Task> switchAsync, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, typeof(CampfireEmulator));
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
            await user.EnsureCanEnterAsync(_folder.FullPath, cancellationToken).ConfigureAwait(false);
            // Its last owner may have died without stopping the server.
            await _postmaster.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            await template.CopyToAsync(_folder, cancellationToken).ConfigureAwait(false);
        }
        var password = await ReadPasswordAsync(cancellationToken).ConfigureAwait(false);
        _port = await _postmaster.StartAsync(cancellationToken).ConfigureAwait(false);
        AdminConnectionString = PostmasterProcess.AdminConnection(_port, password);
    }

    private async Task<string> ReadPasswordAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(_folder.PasswordPath, cancellationToken).ConfigureAwait(false);
        }
        catch (FileNotFoundException missing)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"{_folder.PasswordPath} is missing, so nobody can log in to the database in this folder any more. Choose another folder.",
                missing);
        }
    }
}

using Campfire.Realtime.Emulator.Database;

namespace Campfire.Realtime.Emulator.Tests;

// A PostgreSQL as initdb leaves it, with a superuser of Supabase's name.
internal sealed class PlainServer : IAsyncDisposable
{
    private readonly ClusterFolder _folder;
    private readonly PostmasterProcess _postmaster;

    private PlainServer(ClusterFolder folder, PostmasterProcess postmaster)
    {
        _folder = folder;
        _postmaster = postmaster;
    }

    public string AdminConnectionString { get; private set; } = "";

    public string LogPath => _folder.LogPath;

    public static async Task<PlainServer> StartAsync()
    {
        const string Password = "plain";
        var installation = (await PostgresInstallation.FindAsync(PostgresInstallation.UsualDirectories(), majorVersion: null, CancellationToken.None))!;
        var user = PostgresUser.Choose();
        var folder = await TemporaryClusters.CreateAsync(installation, user, CancellationToken.None);
        var server = new PlainServer(folder, new PostmasterProcess(folder, installation, user));
        PrivateFile.Write(folder.PasswordPath, Password);
        Directory.CreateDirectory(folder.DataPath);
        await user.GiveAsync(folder.PasswordPath, CancellationToken.None);
        await user.GiveAsync(folder.DataPath, CancellationToken.None);
        var result = await user.RunAsync(
            installation.Program("initdb"),
            ["-D", folder.DataPath, "-U", "supabase_admin", "--pwfile", folder.PasswordPath, "--auth", "scram-sha-256", "--no-sync"],
            CancellationToken.None);
        Assert.That(result.ExitCode, Is.Zero, result.Output);
        var port = await server._postmaster.StartAsync(CancellationToken.None);
        server.AdminConnectionString = PostmasterProcess.AdminConnection(port, Password) + ";Pooling=false";
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _postmaster.DisposeAsync();
        await _folder.ReleaseAsync();
    }
}

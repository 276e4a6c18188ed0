using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

// pg_ctl rather than a child process: it puts the server into a session of its own, so that a Ctrl-C meant for the
// program does not reach the server too and stop it first.
internal sealed class PostmasterProcess(ClusterFolder folder, PostgresInstallation installation, PostgresUser user) : IAsyncDisposable
{
    private const int StartAttempts = 3;

    public static string AdminConnection(int port, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Database = "postgres",
        Username = Surroundings.AdminRole,
        Password = password,
        // Otherwise Npgsql loads Kerberos, only to ask for encryption that is never offered.
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    public async Task<int> StartAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            PrivateFile.Write(folder.LogPath, "");
            await user.GiveAsync(folder.LogPath, cancellationToken).ConfigureAwait(false);
            var port = FreePort();
            var result = await StartOnAsync(port).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (result.ExitCode == 0)
                return port;

            var log = File.Exists(folder.LogPath) ? await File.ReadAllLinesAsync(folder.LogPath, cancellationToken).ConfigureAwait(false) : [];
            // Between its choice and its use, the port may have been taken by another program.
            if (attempt < StartAttempts && log.Any(line => line.Contains("could not bind", StringComparison.Ordinal)))
                continue;
            throw DidNotStart(log, result);
        }
    }

    // As a server goes that is killed: nobody is told, and whatever was committed is still there at the next start.
    public async Task StopAbruptlyAsync()
    {
        var result = await StopAsync("immediate").ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"PostgreSQL ({installation.BinDirectory}) could not be stopped: {result.Output}");
    }

    public async Task StartAgainAsync(int port)
    {
        var result = await StartOnAsync(port).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw DidNotStart(await File.ReadAllLinesAsync(folder.LogPath).ConfigureAwait(false), result);
    }

    public async ValueTask DisposeAsync()
    {
        var pidFile = Path.Combine(folder.DataPath, "postmaster.pid");
        if (!File.Exists(pidFile))
            return;
        if (await IsOursAsync(pidFile).ConfigureAwait(false))
        {
            if ((await StopAsync("fast").ConfigureAwait(false)).ExitCode != 0)
                await StopAsync("immediate").ConfigureAwait(false);
        }
        else
        {
            // The file outlived its process; its number may by now belong to a server of somebody else.
            File.Delete(pidFile);
        }
    }

    // Not to be cancelled halfway: a server that has not written its process id yet could not be stopped.
    private Task<CommandResult> StartOnAsync(int port) => user.RunAsync(
        installation.Program("pg_ctl"),
        ["start", "-D", folder.DataPath, "-l", folder.LogPath, "-w", "-t", "60", "-o", Settings(port)],
        CancellationToken.None);

    private CampfireEmulatorException DidNotStart(string[] log, CommandResult result)
    {
        var lastLines = log.Length == 0 ? result.Output : string.Join(Environment.NewLine, log.TakeLast(10));
        return new CampfireEmulatorException(
            CampfireEmulatorErrorCode.PostgresDidNotStart,
            $"PostgreSQL ({installation.BinDirectory}) did not start. Its last log lines:{Environment.NewLine}{lastLines}");
    }

    private Task<CommandResult> StopAsync(string mode) => user.RunAsync(
        installation.Program("pg_ctl"), ["stop", "-D", folder.DataPath, "-m", mode, "-w", "-t", "30"], CancellationToken.None);

    // On the command line rather than in a file, which would lie where the user that runs PostgreSQL can change it.
    private string Settings(int port)
    {
        List<string> settings =
        [
            string.Create(CultureInfo.InvariantCulture, $"port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "wal_level=logical",
            "timezone=UTC",
            "log_timezone=UTC",
            "jit=off",
        ];
        if (folder.IsTemporary)
        {
            // The data dies with the emulator, so nothing needs to survive a power cut. synchronous_commit stays on:
            // without it the replication stream would learn of a commit only when the WAL writer wakes up. The folder may
            // lie in memory, which a gigabyte of WAL would fill.
            settings.AddRange(["fsync=off", "full_page_writes=off", "max_wal_size=128MB", "min_wal_size=32MB"]);
        }
        return string.Join(' ', settings.Select(setting => "-c " + setting));
    }

    private async Task<bool> IsOursAsync(string pidFile)
    {
        if (OperatingSystem.IsWindows())
            return true;
        if (!int.TryParse(ClusterFolder.ReadStart(pidFile), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            return false;
        var pid = id.ToString(CultureInfo.InvariantCulture);
        if (Directory.Exists("/proc/self"))
        {
            var commandLine = $"/proc/{pid}/cmdline";
            return File.Exists(commandLine)
                && (await File.ReadAllTextAsync(commandLine).ConfigureAwait(false)).Contains(folder.DataPath, StringComparison.Ordinal);
        }
        var listing = await Command.RunAsync("ps", ["-o", "args=", "-p", pid], CancellationToken.None).ConfigureAwait(false);
        return listing.Output.Contains(folder.DataPath, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

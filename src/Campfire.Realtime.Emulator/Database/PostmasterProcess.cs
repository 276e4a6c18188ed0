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
    }.ConnectionString;

    public async Task<int> StartAsync(CancellationToken cancellationToken)
    {
        await WriteSettingsAsync(cancellationToken).ConfigureAwait(false);
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            var result = await StartOnAsync(port, cancellationToken).ConfigureAwait(false);
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
    public async Task StopAbruptlyAsync(CancellationToken cancellationToken)
    {
        var result = await user.RunAsync(
            installation.Program("pg_ctl"), ["stop", "-D", folder.DataPath, "-m", "immediate", "-w", "-t", "30"], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"PostgreSQL ({installation.BinDirectory}) could not be stopped: {result.Output}");
    }

    public async Task StartAgainAsync(int port, CancellationToken cancellationToken)
    {
        var result = await StartOnAsync(port, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw DidNotStart(await File.ReadAllLinesAsync(folder.LogPath, cancellationToken).ConfigureAwait(false), result);
    }

    public async ValueTask DisposeAsync()
    {
        var pidFile = Path.Combine(folder.DataPath, "postmaster.pid");
        if (!File.Exists(pidFile))
            return;
        if (await IsOursAsync(pidFile).ConfigureAwait(false))
        {
            await user.RunAsync(
                installation.Program("pg_ctl"),
                ["stop", "-D", folder.DataPath, "-m", "fast", "-w", "-t", "30"],
                CancellationToken.None).ConfigureAwait(false);
        }
        else
        {
            // The file outlived its process; its number may by now belong to a server of somebody else.
            File.Delete(pidFile);
        }
    }

    private Task<CommandResult> StartOnAsync(int port, CancellationToken cancellationToken) => user.RunAsync(
        installation.Program("pg_ctl"),
        ["start", "-D", folder.DataPath, "-l", folder.LogPath, "-w", "-t", "60", "-o", string.Create(CultureInfo.InvariantCulture, $"-p {port}")],
        cancellationToken);

    private CampfireEmulatorException DidNotStart(string[] log, CommandResult result)
    {
        var lastLines = log.Length == 0 ? result.Output : string.Join(Environment.NewLine, log.TakeLast(10));
        return new CampfireEmulatorException(
            CampfireEmulatorErrorCode.PostgresDidNotStart,
            $"PostgreSQL ({installation.BinDirectory}) did not start. Its last log lines:{Environment.NewLine}{lastLines}");
    }

    private async Task WriteSettingsAsync(CancellationToken cancellationToken)
    {
        List<string> settings =
        [
            "listen_addresses = '127.0.0.1'",
            "unix_socket_directories = ''",
            "wal_level = logical",
            "max_connections = 100",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "jit = off",
        ];
        if (folder.IsTemporary)
        {
            // The data dies with the emulator, so nothing needs to survive a power cut. synchronous_commit stays on:
            // without it the replication stream would learn of a commit only when the WAL writer wakes up.
            settings.AddRange(["fsync = off", "full_page_writes = off"]);
        }
        var settingsPath = Path.Combine(folder.DataPath, ClusterTemplate.SettingsFile);
        await File.WriteAllLinesAsync(settingsPath, settings, cancellationToken).ConfigureAwait(false);
        await File.WriteAllTextAsync(folder.LogPath, "", cancellationToken).ConfigureAwait(false);
        await user.TakeOwnershipAsync(settingsPath, cancellationToken).ConfigureAwait(false);
        await user.TakeOwnershipAsync(folder.LogPath, cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> IsOursAsync(string pidFile)
    {
        if (OperatingSystem.IsWindows())
            return true;
        if (!int.TryParse(File.ReadLines(pidFile).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
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

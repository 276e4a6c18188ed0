namespace Campfire.Realtime.Emulator.Database;

// PostgreSQL refuses to run as root, so its programs run through a launcher that gives those rights up.
internal sealed class PostgresUser
{
    private readonly string? _name;
    private readonly string[] _launcher;

    private PostgresUser(string? name, params string[] launcher)
    {
        _name = name;
        _launcher = launcher;
    }

    public static PostgresUser Choose()
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
            return new PostgresUser(null);

        var accounts = File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0]).ToHashSet(StringComparer.Ordinal);
        var name = accounts.Contains("postgres") ? "postgres" : "nobody";
        if (FindProgram("setpriv") is { } setpriv)
            return new PostgresUser(name, setpriv, $"--reuid={name}", $"--regid={GroupOf(name)}", "--clear-groups", "--");
        if (FindProgram("runuser") is { } runuser)
            return new PostgresUser(name, runuser, "-u", name, "--");
        throw new CampfireEmulatorException(
            CampfireEmulatorErrorCode.UnprivilegedUserNotFound,
            "This process runs as root, PostgreSQL refuses to, and neither setpriv nor runuser (package util-linux) is installed. " +
            "Install one of them or start the emulator as another user.");
    }

    public Task<CommandResult> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        return _launcher.Length == 0
            ? Command.RunAsync(program, arguments, cancellationToken)
            : Command.RunAsync(_launcher[0], [.. _launcher[1..], program, .. arguments], cancellationToken);
    }

    // Gives a file or folder of the emulator's to the user that runs PostgreSQL.
    public Task GiveAsync(string path, CancellationToken cancellationToken) =>
        _name is null ? Task.CompletedTask : ChangeOwnerAsync(path, $"{_name}:{GroupOf(_name)}", cancellationToken);

    public Task TakeBackAsync(string path, CancellationToken cancellationToken) =>
        _name is null ? Task.CompletedTask : ChangeOwnerAsync(path, "0:0", cancellationToken);

    public async Task EnsureCanEnterAsync(string directory, CancellationToken cancellationToken)
    {
        if (_name is null)
            return;
        var result = await RunAsync("/bin/sh", ["-c", "cd \"$0\"", directory], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"The user {_name}, who runs PostgreSQL because this process is root, cannot enter {directory}. " +
                "Choose a folder whose parents are open to others, for example below /var/lib or /srv; for a temporary database, unset TMPDIR.");
        }
    }

    private static async Task ChangeOwnerAsync(string path, string owner, CancellationToken cancellationToken)
    {
        // -h: a link is given away itself, not what it leads to.
        var result = await Command.RunAsync("chown", ["-R", "-h", owner, path], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable, $"{path} could not be given to the user {owner}: {result.Output}");
        }
    }

    private static string GroupOf(string name)
    {
        var id = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).FirstOrDefault(fields => fields[0] == name)?[3];
        return id ?? name;
    }

    private static string? FindProgram(string name)
    {
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return directories.Concat(["/usr/bin", "/usr/sbin", "/bin", "/sbin"])
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
    }
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace Campfire.Realtime.Emulator.Database;

internal sealed partial record PostgresInstallation(string BinDirectory, int MajorVersion, string FullVersion)
{
    public const int OldestMajorVersion = 15;

    public string Program(string name) => Path.Combine(BinDirectory, OperatingSystem.IsWindows() ? name + ".exe" : name);

    public static async Task<PostgresInstallation?> FindAsync(
        IEnumerable<string> directories, int? majorVersion, CancellationToken cancellationToken)
    {
        PostgresInstallation? newest = null;
        foreach (var directory in directories)
        {
            var found = await ProbeAsync(directory, cancellationToken).ConfigureAwait(false);
            if (found is null || found.MajorVersion < OldestMajorVersion)
                continue;
            if (majorVersion is not null && found.MajorVersion != majorVersion)
                continue;
            if (newest is null || found.MajorVersion > newest.MajorVersion)
                newest = found;
        }
        return newest;
    }

    public static IEnumerable<string> UsualDirectories()
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        foreach (var directory in path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            yield return directory;

        string[] patterns = OperatingSystem.IsWindows()
            ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL", "*", "bin")]
            :
            [
                "/usr/lib/postgresql/*/bin",
                "/usr/pgsql-*/bin",
                "/opt/homebrew/opt/postgresql*/bin",
                "/usr/local/opt/postgresql*/bin",
                "/Applications/Postgres.app/Contents/Versions/*/bin",
            ];
        foreach (var directory in patterns.SelectMany(Expand))
            yield return directory;
    }

    private static IEnumerable<string> Expand(string pattern)
    {
        var parent = Path.GetDirectoryName(Path.GetDirectoryName(pattern))!;
        var name = Path.GetFileName(Path.GetDirectoryName(pattern))!;
        return Directory.Exists(parent)
            ? Directory.EnumerateDirectories(parent, name).Select(directory => Path.Combine(directory, "bin"))
            : [];
    }

    private static async Task<PostgresInstallation?> ProbeAsync(string directory, CancellationToken cancellationToken)
    {
        var candidate = new PostgresInstallation(directory, 0, "");
        // A client-only installation has psql in the path but neither of these.
        if (!File.Exists(candidate.Program("postgres")) || !File.Exists(candidate.Program("initdb")) || !File.Exists(candidate.Program("pg_ctl")))
            return null;
        var result = await Command.RunAsync(candidate.Program("postgres"), ["--version"], cancellationToken).ConfigureAwait(false);
        var version = VersionPattern().Match(result.Output);
        return version.Success
            ? candidate with { MajorVersion = int.Parse(version.Groups[1].ValueSpan, CultureInfo.InvariantCulture), FullVersion = result.Output }
            : null;
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionPattern();
}

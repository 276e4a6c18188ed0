using System.Globalization;

namespace Campfire.Realtime.Emulator.Database;

// Which folders nobody but this user (and root) can write to or swap for another. Only there is a name that was
// looked at still the same thing when it is used.
internal sealed class FolderTrust
{
    private const int TypeMask = 0xF000;
    private const int DirectoryType = 0x4000;
    private const int Sticky = 0x200;
    private const int WritableByOthers = 0x12;
    private readonly List<(string Path, int Owner, int Mode)> _chain;
    private readonly int _user;

    private FolderTrust(List<(string Path, int Owner, int Mode)> chain, int user)
    {
        _chain = chain;
        _user = user;
    }

    // Without links in it.
    public string PhysicalPath => _chain[^1].Path;

    public int UserId => _user;

    public bool IsOwn => _chain[^1].Owner == _user && IsUnwritable(_chain[^1].Mode) && _chain.SkipLast(1).All(IsUnswappable);

    // Nobody else can remove or swap what this user makes here, though others may make things of their own.
    public bool IsSafeParent => _chain.All(IsUnswappable);

    // Null when the folder cannot be entered.
    public static async Task<FolderTrust?> ExamineAsync(string directory, CancellationToken cancellationToken)
    {
        var located = await Command.RunAsync(
            "/bin/sh", ["-c", "cd -- \"$0\" && pwd -P && id -u", directory], cancellationToken).ConfigureAwait(false);
        if (located.ExitCode != 0 || located.Output.Split('\n') is not [var path, var user])
            return null;

        List<string> paths = ["/"];
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            paths.Add(Path.Combine(paths[^1], part));
        string[] format = OperatingSystem.IsLinux() ? ["-c", "%u %f"] : ["-f", "%u %Xp"];
        var listed = await Command.RunAsync("stat", [.. format, .. paths], cancellationToken).ConfigureAwait(false);
        var lines = listed.Output.Split('\n');
        if (listed.ExitCode != 0 || lines.Length != paths.Count)
            return null;
        return new FolderTrust([.. paths.Zip(lines, Parse)], int.Parse(user, CultureInfo.InvariantCulture));
    }

    private bool IsUnswappable((string Path, int Owner, int Mode) folder) =>
        (folder.Owner == 0 || folder.Owner == _user) && (IsUnwritable(folder.Mode) || (folder.Mode & Sticky) != 0);

    // A link that took the place of a folder since the path was resolved is none any more.
    private static bool IsUnwritable(int mode) => (mode & TypeMask) == DirectoryType && (mode & WritableByOthers) == 0;

    private static (string Path, int Owner, int Mode) Parse(string path, string line)
    {
        var fields = line.Split(' ');
        return (path, int.Parse(fields[0], CultureInfo.InvariantCulture), int.Parse(fields[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}

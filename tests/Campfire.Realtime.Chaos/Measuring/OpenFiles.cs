namespace Campfire.Realtime.Chaos.Measuring;

/// <summary>What the process has open, by kind; where the system does not say, all of it is one kind.</summary>
internal sealed class OpenFiles
{
    private const string Folder = "/proc/self/fd";

    private readonly SortedDictionary<string, int> _kinds = new(StringComparer.Ordinal);

    private OpenFiles()
    {
    }

    public int Count => _kinds.Values.Sum();

    public static OpenFiles Take(int handles)
    {
        var open = new OpenFiles();
        if (!Directory.Exists(Folder))
        {
            open._kinds["handles"] = handles;
            return open;
        }

        foreach (string descriptor in Directory.GetFiles(Folder))
        {
            string kind = KindOf(descriptor);
            open._kinds[kind] = open._kinds.GetValueOrDefault(kind) + 1;
        }

        return open;
    }

    public override string ToString() => $"{Count} files ({string.Join(", ", _kinds.Select(kind => $"{kind.Value} {kind.Key}"))})";

    // "socket:[123]", "pipe:[45]", "anon_inode:[eventpoll]" or a path.
    private static string KindOf(string descriptor)
    {
        try
        {
            string target = new FileInfo(descriptor).LinkTarget ?? "unknown";
            int colon = target.IndexOf(':', StringComparison.Ordinal);
            return target.StartsWith('/') || colon < 0 ? Path.GetExtension(target) is { Length: > 0 } extension ? extension : "other"
                : target.StartsWith("anon_inode", StringComparison.Ordinal) ? target[(colon + 1)..].Trim('[', ']')
                : target[..colon];
        }
        catch (IOException)
        {
            // The listing's own, closed by now.
            return "gone";
        }
    }
}

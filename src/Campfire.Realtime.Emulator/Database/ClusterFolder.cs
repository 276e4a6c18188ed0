using System.Globalization;
using System.Security.Cryptography;

namespace Campfire.Realtime.Emulator.Database;

// A living owner holds the lock file open exclusively; the kernel lets go of it when the owner dies, however it dies.
// That, unlike a recorded process id, cannot mistake a newcomer with the same number for the owner.
//
// The folder is the emulator's, only data inside it belongs to the user that runs PostgreSQL: that user cannot plant a
// link under a name that the emulator opens, which may be root.
internal sealed class ClusterFolder
{
    private const string TemporaryPrefix = "campfire-emulator-";
    private const string LockFile = "emulator.lock";
    private const int TemporaryNames = 10;
    private readonly FileStream _lock;
    private int _isReleased;

    private ClusterFolder(string path, FileStream ownerLock, bool isTemporary)
    {
        FullPath = path;
        _lock = ownerLock;
        IsTemporary = isTemporary;
    }

    public string FullPath { get; }

    public bool IsTemporary { get; }

    public string DataPath => Path.Combine(FullPath, "data");

    // Becomes DataPath when it is whole.
    public string UnfinishedDataPath => Path.Combine(FullPath, "data.unfinished");

    public string PasswordPath => Path.Combine(FullPath, "admin-password");

    public string LogPath => Path.Combine(FullPath, "postgres.log");

    public bool HasData => File.Exists(VersionPath);

    // Of the PostgreSQL that wrote the data; no other can read it.
    public int? MajorVersion
    {
        get
        {
            if (!HasData)
                return null;
            return int.TryParse(ReadStart(VersionPath), NumberStyles.None, CultureInfo.InvariantCulture, out var version)
                ? version
                : throw new CampfireEmulatorException(
                    CampfireEmulatorErrorCode.DataDirectoryUnusable,
                    $"{VersionPath} is damaged, so it cannot be told which PostgreSQL wrote the data. Choose another folder.");
        }
    }

    private string VersionPath => Path.Combine(DataPath, "PG_VERSION");

    // In a folder that only this user can write.
    public static ClusterFolder CreateTemporary(string parent)
    {
        for (var attempt = 1; attempt <= TemporaryNames; attempt++)
        {
            var name = TemporaryPrefix + RandomNumberGenerator.GetHexString(12, lowercase: true);
            var path = Path.Combine(parent, name);
            // A sweeping process may have taken the lock between its creation and ours; then this name is lost.
            if (TryLock(path + ".lock") is not { } ownerLock)
                continue;
            var folder = new ClusterFolder(path, ownerLock, isTemporary: true);
            CreateClosed(path);
            return folder;
        }

        throw new CampfireEmulatorException(
            CampfireEmulatorErrorCode.DataDirectoryUnusable,
            $"No file can be created in {parent}, the folder for temporary databases. Let TMPDIR name one that exists and is writable, or choose a data directory.");
    }

    public static ClusterFolder OpenPermanent(string directory)
    {
        var path = Path.GetFullPath(directory);
        if (File.Exists(path))
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"{path} is a file. Choose a folder: an empty one, one of an earlier run, or one that does not exist yet.");
        }
        try
        {
            Directory.CreateDirectory(path);
            if (!IsOurs(path))
            {
                throw new CampfireEmulatorException(
                    CampfireEmulatorErrorCode.DataDirectoryUnusable,
                    $"{path} holds files that no emulator wrote. Choose an empty folder or one of an earlier run.");
            }
            var ownerLock = TryLock(Path.Combine(path, LockFile));
            if (ownerLock is not null)
                return new ClusterFolder(path, ownerLock, isTemporary: false);
            EnsureWritable(path);
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryInUse,
                $"Another emulator that is still running uses {path}. Stop it or choose another folder.");
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"{path} cannot be used as data directory: {failure.Message} Choose a folder that this user can write.",
                failure);
        }
    }

    public static IEnumerable<ClusterFolder> TakeAbandoned(string parent)
    {
        foreach (var lockPath in Directory.EnumerateFiles(parent, TemporaryPrefix + "*.lock"))
        {
            if (TryLock(lockPath) is { } ownerLock)
                yield return new ClusterFolder(lockPath[..^".lock".Length], ownerLock, isTemporary: true);
        }
    }

    // Nobody but its owner writes there. Root lets others pass, because it runs PostgreSQL as one of them.
    public static void CreateClosed(string path)
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode Passage = UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }
        Directory.CreateDirectory(path, Owner);
        // Whatever the umask takes away.
        if (Environment.IsPrivilegedProcess)
            File.SetUnixFileMode(path, Owner | Passage);
    }

    // The first characters only: the file may belong to somebody else, who may have made anything of it.
    public static string ReadStart(string path)
    {
        using var reader = new StreamReader(path);
        Span<char> start = stackalloc char[32];
        var text = start[..reader.ReadBlock(start)];
        var end = text.IndexOf('\n');
        return (end < 0 ? text : text[..end]).Trim().ToString();
    }

    // Some file systems grant every lock; there, nobody can be told dead from alive.
    public bool IsLockedForOthers()
    {
        using var second = TryLock(_lock.Name);
        return second is null;
    }

    // The rename is the mark: a folder of that name is whole, whenever its maker was killed.
    public void Complete()
    {
        if (Directory.Exists(DataPath))
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"{DataPath} is there but holds no database. Move it away or choose another folder.");
        }
        Directory.Move(UnfinishedDataPath, DataPath);
    }

    // Gives the folder back: a temporary one goes away, and its lock last, so that it can be found until then.
    public async ValueTask ReleaseAsync()
    {
        // A second call could take the lock file away from the folder's next owner.
        if (Interlocked.Exchange(ref _isReleased, 1) != 0)
            return;
        try
        {
            if (IsTemporary)
                await DeleteTreeAsync(FullPath).ConfigureAwait(false);
            if (OperatingSystem.IsWindows())
                _lock.Dispose();
            File.Delete(_lock.Name);
        }
        finally
        {
            // What could not be removed now, the next start finds unlocked.
            _lock.Dispose();
        }
    }

    public void Unlock() => _lock.Dispose();

    public static async Task DeleteTreeAsync(string path)
    {
        if (!Directory.Exists(path))
            return;
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
        {
            Directory.Delete(path, recursive: true);
            return;
        }
        // rm, unlike Directory.Delete, cannot be led astray by a folder that its owner swaps for a link meanwhile.
        var result = await Command.RunAsync("rm", ["-rf", path], CancellationToken.None).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new IOException($"{path} could not be removed: {result.Output}");
    }

    // What a first start leaves behind that was killed before it had keys to write down is ours as well.
    private static bool IsOurs(string path) =>
        File.Exists(Path.Combine(path, EmulatorSecrets.FileName))
        || Directory.EnumerateFileSystemEntries(path).All(entry => Path.GetFileName(entry) is LockFile or EmulatorSecrets.UnfinishedFileName);

    private static void EnsureWritable(string path)
    {
        using var probe = new FileStream(
            Path.Combine(path, Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
    }

    public static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

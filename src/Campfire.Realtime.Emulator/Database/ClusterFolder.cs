using System.Globalization;
using System.Security.Cryptography;

namespace Campfire.Realtime.Emulator.Database;

// A living owner holds the lock file open exclusively; the kernel lets go of it when the owner dies, however it dies.
// That, unlike a recorded process id, cannot mistake a newcomer with the same number for the owner.
internal sealed class ClusterFolder
{
    private const string TemporaryPrefix = "campfire-emulator-";
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

    public string LogPath => Path.Combine(FullPath, "postgres.log");

    public bool HasData => File.Exists(VersionPath);

    // Of the PostgreSQL that wrote the data; no other can read it.
    public int? MajorVersion => HasData ? int.Parse(File.ReadAllText(VersionPath), CultureInfo.InvariantCulture) : null;

    private string VersionPath => Path.Combine(DataPath, "PG_VERSION");

    public static ClusterFolder CreateTemporary()
    {
        var parent = Path.GetTempPath();
        for (var attempt = 1; attempt <= TemporaryNames; attempt++)
        {
            var name = TemporaryPrefix + RandomNumberGenerator.GetHexString(12, lowercase: true);
            var path = Path.Combine(parent, name);
            // A sweeping process may have taken the lock between its creation and ours; then this name is lost.
            if (TryLock(path + ".lock") is not { } ownerLock)
                continue;
            Directory.CreateDirectory(path);
            return new ClusterFolder(path, ownerLock, isTemporary: true);
        }

        throw new CampfireEmulatorException(
            CampfireEmulatorErrorCode.DataDirectoryUnusable,
            $"No file can be created in the folder for temporary files, {parent}. Let TMPDIR name one that exists and is writable, or choose a data directory.");
    }

    public static ClusterFolder OpenPermanent(string directory)
    {
        var path = Path.GetFullPath(directory);
        try
        {
            Directory.CreateDirectory(path);
            if (!File.Exists(Path.Combine(path, EmulatorSecrets.FileName)) && Directory.EnumerateFileSystemEntries(path).Any())
            {
                throw new CampfireEmulatorException(
                    CampfireEmulatorErrorCode.DataDirectoryUnusable,
                    $"{path} holds files that no emulator wrote. Choose an empty folder or one of an earlier run.");
            }
            var ownerLock = TryLock(Path.Combine(path, "emulator.lock")) ?? throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryInUse,
                $"Another emulator that is still running uses {path}. Stop it or choose another folder.");
            return new ClusterFolder(path, ownerLock, isTemporary: false);
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or IOException)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.DataDirectoryUnusable,
                $"{path} cannot be used as data directory: {failure.Message}",
                failure);
        }
    }

    public static IEnumerable<ClusterFolder> TakeAbandoned()
    {
        var parent = Path.GetTempPath();
        if (!Directory.Exists(parent))
            yield break;
        foreach (var lockPath in Directory.EnumerateFiles(parent, TemporaryPrefix + "*.lock"))
        {
            if (TryLock(lockPath) is { } ownerLock)
                yield return new ClusterFolder(lockPath[..^".lock".Length], ownerLock, isTemporary: true);
        }
    }

    // Some file systems grant every lock; there, nobody can be told dead from alive.
    public bool IsLockedForOthers()
    {
        using var second = TryLock(_lock.Name);
        return second is null;
    }

    // Gives the folder back: a temporary one goes away, and its lock last, so that it can be found until then.
    public void Release()
    {
        // A second call could take the lock file away from the folder's next owner.
        if (Interlocked.Exchange(ref _isReleased, 1) != 0)
            return;
        if (IsTemporary && Directory.Exists(FullPath))
            Directory.Delete(FullPath, recursive: true);
        if (OperatingSystem.IsWindows())
            _lock.Dispose();
        File.Delete(_lock.Name);
        _lock.Dispose();
    }

    public void Unlock() => _lock.Dispose();

    private static FileStream? TryLock(string path)
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

namespace Campfire.Realtime.TestSupport;

// Open to the user that runs PostgreSQL when the tests run as root.
public sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder()
    {
        // Whatever the umask: an emulator takes a folder for its temporary ones only when nobody else can write there.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(FullPath, (UnixFileMode)0b111_101_101);
    }

    public string FullPath { get; } = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "campfire-tests-" + Guid.NewGuid().ToString("N"))).FullName;

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}

namespace Campfire.Realtime.TestSupport;

// Open to the user that runs PostgreSQL when the tests run as root.
public sealed class TemporaryFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "campfire-tests-" + Guid.NewGuid().ToString("N"))).FullName;

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}

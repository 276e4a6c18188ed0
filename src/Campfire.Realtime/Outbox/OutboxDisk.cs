using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Campfire.Realtime.Outbox;

/// <summary>What an outbox does to a disk, apart so that a test can let each step fail.</summary>
internal class OutboxDisk
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Opens a file for its owner only, and creates it where there is none.</summary>
    public virtual FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (OperatingSystem.IsWindows())
            return new FileStream(path, options);

        if (mode is not FileMode.Open)
            options.UnixCreateMode = OwnerOnly;
        var file = new FileStream(path, options);
        try
        {
            // One that somebody else created, or that was copied.
            if (File.GetUnixFileMode(file.SafeFileHandle) != OwnerOnly)
                File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at) => RandomAccess.Write(file, bytes, at);

    public virtual void FlushToDisk(SafeFileHandle file) => RandomAccess.FlushToDisk(file);

    public virtual void Cut(SafeFileHandle file, long length) => RandomAccess.SetLength(file, length);

    public virtual void Replace(string path, string by) => File.Move(by, path, overwrite: true);

    /// <summary>Makes a created or renamed file's entry survive a loss of power. Windows does so by itself.</summary>
    public virtual void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            return;

        int folder = OpenFolder(Encoding.UTF8.GetBytes(Path.GetDirectoryName(path)! + '\0'), 0);
        if (folder < 0)
            throw new IOException($"The folder of {path} could not be opened: error {Marshal.GetLastPInvokeError()}.");
        try
        {
            // File systems that cannot do it answer EINVAL; there is nothing more to be had from them.
            const int InvalidArgument = 22;
            if (Flush(folder) != 0 && Marshal.GetLastPInvokeError() != InvalidArgument)
                throw new IOException($"The folder of {path} could not be flushed: error {Marshal.GetLastPInvokeError()}.");
        }
        finally
        {
            _ = Close(folder);
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int OpenFolder(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Flush(int file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int file);
}

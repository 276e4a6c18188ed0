using Campfire.Realtime.Outbox;
using Microsoft.Win32.SafeHandles;

namespace Campfire.Realtime.Tests.Outbox;

// A disk that fails when it is told to, after it has written a part.
internal sealed class FailingDisk : OutboxDisk
{
    public int? WritesAtMost { get; set; }

    public bool FailsToFlush { get; set; }

    public bool FailsToCut { get; set; }

    public bool FailsToReplace { get; set; }

    public int Flushes { get; private set; }

    public override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at)
    {
        if (WritesAtMost is { } most)
        {
            base.Write(file, bytes[..Math.Min(most, bytes.Length)], at);
            throw new IOException("No space left on device");
        }

        base.Write(file, bytes, at);
    }

    public override void FlushToDisk(SafeFileHandle file)
    {
        if (FailsToFlush)
            throw new IOException("Input/output error");
        base.FlushToDisk(file);
        Flushes++;
    }

    public override void Cut(SafeFileHandle file, long length)
    {
        if (FailsToCut)
            throw new IOException("Read-only file system");
        base.Cut(file, length);
    }

    public override void Replace(string path, string by)
    {
        if (FailsToReplace)
            throw new IOException("Input/output error");
        base.Replace(path, by);
    }
}

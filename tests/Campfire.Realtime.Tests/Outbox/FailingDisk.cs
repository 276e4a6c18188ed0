using System.Collections.Concurrent;
using Campfire.Realtime.Outbox;
using Microsoft.Win32.SafeHandles;

namespace Campfire.Realtime.Tests.Outbox;

// A disk that fails when it is told to, after it has written a part, and that remembers its steps.
internal sealed class FailingDisk : OutboxDisk
{
    private readonly ConcurrentDictionary<SafeFileHandle, string> _names = [];
    private readonly ConcurrentDictionary<string, int> _unflushed = [];

    public int? WritesAtMost { get; set; }

    public bool FailsToFlush { get; set; }

    public bool FailsToCut { get; set; }

    public bool FailsToReplace { get; set; }

    public bool FailsToFlushFolder { get; set; }

    public int Flushes { get; private set; }

    // The most records of the outbox's file at once that a loss of power could have kept in any selection.
    public int MostUnflushed { get; private set; }

    // "write outbox", "flush outbox.new", "replace outbox", "flush folder of outbox".
    public ConcurrentQueue<string> Steps { get; } = [];

    public int Count(string step) => Steps.Count(done => done == step);

    public override FileStream Open(string path, FileMode mode, FileShare share)
    {
        FileStream file = base.Open(path, mode, share);
        _names[file.SafeFileHandle] = Path.GetFileName(path);
        return file;
    }

    public override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at)
    {
        if (WritesAtMost is { } most)
        {
            base.Write(file, bytes[..Math.Min(most, bytes.Length)], at);
            throw new IOException("No space left on device");
        }

        base.Write(file, bytes, at);
        Steps.Enqueue($"write {_names[file]}");
        int unflushed = _unflushed.AddOrUpdate(_names[file], 1, (_, count) => count + 1);
        if (_names[file] == "outbox")
            MostUnflushed = Math.Max(MostUnflushed, unflushed);
    }

    public override void FlushToDisk(SafeFileHandle file)
    {
        if (FailsToFlush)
            throw new IOException("Input/output error");
        base.FlushToDisk(file);
        Flushes++;
        Steps.Enqueue($"flush {_names[file]}");
        _unflushed[_names[file]] = 0;
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
        Steps.Enqueue($"replace {Path.GetFileName(path)}");
    }

    public override void FlushFolder(string path)
    {
        if (FailsToFlushFolder)
            throw new IOException("Input/output error");
        base.FlushFolder(path);
        Steps.Enqueue($"flush folder of {Path.GetFileName(path)}");
    }
}

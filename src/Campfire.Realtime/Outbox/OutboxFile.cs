using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Outbox;

/// <summary>The file of one outbox, locked while it is open: appends records, and is written anew to get rid of dead ones. Not thread-safe.</summary>
internal sealed partial class OutboxFile : IDisposable
{
    private const int Version = 1;
    private const int GuidSize = 16;

    private readonly string _path;
    private readonly string _owner;
    private readonly OutboxDisk _disk;
    private readonly ILogger _logger;
    private readonly FileStream _lock;
    private FileStream? _file;

    // Whether the name of the present file is known to be on the disk. That of a file which was there may not: a process that had just given
    // it may have been killed.
    private bool _isFolderFlushed;

    // What was written, and neither flushed nor cut: it may be in the file behind its known end, until that is opened again.
    private byte[]? _doubtful;

    private OutboxFile(string path, string owner, OutboxDisk disk, ILogger logger, FileStream fileLock)
    {
        _path = path;
        _owner = owner;
        _disk = disk;
        _logger = logger;
        _lock = fileLock;
    }

    /// <summary>Where the next record goes: the file's size.</summary>
    public long Length { get; private set; }

    /// <summary>Opens and locks the file, cuts what a crash left behind, and reads what is pending, in order.</summary>
    public static OutboxFile Open(FileOutboxOptions options, OutboxDisk disk, ILogger logger, out IReadOnlyList<OutboxMessage> pending)
    {
        string path = options.Path!;
        try
        {
            CreateFolder(Path.GetDirectoryName(path)!, disk);
            var file = new OutboxFile(path, options.Owner!, disk, logger, Lock(path, disk));
            try
            {
                pending = file.Recover(options.SalvagesDamage);
                return file;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            throw new CampfireException(CampfireErrorCode.OutboxUnavailable, $"The outbox {path} could not be opened: {e.Message}", innerException: e);
        }
    }

    /// <summary>Appends a record whole or not at all, and returns when it is on the disk.</summary>
    /// <remarks>
    /// Each record is on the disk before the next is written: a loss of power may keep any selection of what waits, and a hole is damage.
    /// </remarks>
    /// <exception cref="CampfireException">The disk failed. Nothing was appended, unless the code says that nobody knows.</exception>
    public void Append(ReadOnlySpan<byte> frame)
    {
        FileStream file = _file ?? Reopen(frame);
        bool isWritten = false;
        try
        {
            if (!_isFolderFlushed)
                FlushFolder();
            _disk.Write(file.SafeFileHandle, frame, Length);
            isWritten = true;
            _disk.FlushToDisk(file.SafeFileHandle);
            Length += frame.Length;
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            _doubtful = TakeBack(file) || !isWritten ? null : frame.ToArray();
            throw _doubtful is not null ? Doubtful(e) : new CampfireException(
                CampfireErrorCode.OutboxUnavailable, $"The outbox {_path} could not be written, and holds what it held before: {e.Message}", innerException: e);
        }
    }

    /// <summary>Writes a new file and puts it in the old one's place; a crash leaves the one or the other.</summary>
    /// <exception cref="CampfireException">The disk failed. The old file goes on, unless even that could not be opened again.</exception>
    public void Rewrite(IEnumerable<OutboxMessage> pending)
    {
        string path = _path + ".new";
        try
        {
            long length = 0;
            using (FileStream file = _disk.Open(path, FileMode.Create, FileShare.Read))
            {
                Write(OutboxFrames.Encode(
                    OutboxFrameKind.Header, JsonSerializer.SerializeToUtf8Bytes(new OutboxHeader(Version, _owner), OutboxJsonContext.Default.OutboxHeader)));
                foreach (OutboxMessage message in pending)
                    Write(OutboxFrames.Encode(OutboxFrameKind.Added, OutboxEntry.Encode(message)));
                _disk.FlushToDisk(file.SafeFileHandle);

                void Write(byte[] frame)
                {
                    _disk.Write(file.SafeFileHandle, frame, length);
                    length += frame.Length;
                }
            }

            // Windows replaces no file that is open; the lock keeps others away meanwhile.
            _file?.Dispose();
            _file = null;
            try
            {
                _disk.Replace(_path, path);
                Length = length;
                _isFolderFlushed = false;
            }
            finally
            {
                if (File.Exists(_path))
                    _file = _disk.Open(_path, FileMode.Open, FileShare.Read);
            }

            FlushFolder();
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            // Messages in clear that nobody would look for.
            DeleteIfPossible(path);
            throw _file is null
                ? Unusable(e)
                : new CampfireException(CampfireErrorCode.OutboxUnavailable, $"The outbox {_path} could not be written anew: {e.Message}", innerException: e);
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        _lock.Dispose();
    }

    private static bool IsOfDisk(Exception e) => e is IOException or UnauthorizedAccessException;

    private static void CreateFolder(string folder, OutboxDisk disk)
    {
        if (Directory.Exists(folder))
            return;

        // One after the other, because each has its entry in the one above.
        if (Path.GetDirectoryName(folder) is { } above)
            CreateFolder(above, disk);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            disk.FlushFolder(folder);
        }
        catch
        {
            // One that is there is not flushed by the next opening.
            Directory.Delete(folder);
            throw;
        }
    }

    private static void DeleteIfPossible(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            // The next opening deletes it.
        }
    }

    /// <summary>A file of its own, because the outbox's is replaced by another one from time to time. It stays, empty.</summary>
    private static FileStream Lock(string path, OutboxDisk disk)
    {
        try
        {
            return disk.Open(path + ".lock", FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException) && File.Exists(path + ".lock"))
        {
            throw new CampfireException(
                CampfireErrorCode.OutboxInUse,
                $"The outbox {path} is open already, here or in another process. Open it once, and give a second process a file of its own.",
                innerException: e);
        }
    }

    private List<OutboxMessage> Recover(bool salvagesDamage)
    {
        // A rewriting that a crash interrupted: the old file is whole.
        File.Delete(_path + ".new");
        if (!File.Exists(_path) || new FileInfo(_path).Length == 0)
        {
            Rewrite([]);
            return [];
        }

        _file = _disk.Open(_path, FileMode.Open, FileShare.Read);
        OutboxScan scan = OutboxFrames.Scan(ReadAll(_file));
        OutboxHeader? header = ReadHeader(scan);
        if (header is not null && header.Owner != _owner)
        {
            throw new CampfireException(
                CampfireErrorCode.WrongUser, $"The outbox {_path} holds the messages of another user than {nameof(FileOutboxOptions.Owner)}. Use a file for each user.");
        }

        if (header is null || scan.DamagedAt is not null)
            return Salvage(scan, header is not null, salvagesDamage);

        List<OutboxMessage> pending = Replay(scan);
        Length = scan.End;
        if (_file.Length > scan.End)
        {
            LogTorn(_path, _file.Length - scan.End);
            _disk.Cut(_file.SafeFileHandle, scan.End);
            _disk.FlushToDisk(_file.SafeFileHandle);
        }

        return pending;
    }

    private List<OutboxMessage> Salvage(OutboxScan scan, bool isOwnerKnown, bool isWanted)
    {
        long damagedAt = isOwnerKnown ? scan.DamagedAt!.Value : 0;
        if (!isWanted)
        {
            throw new CampfireException(
                CampfireErrorCode.OutboxDamaged,
                $"The outbox {_path} is damaged at byte {damagedAt}, or is no outbox; it was left as it is. Set {nameof(FileOutboxOptions.SalvagesDamage)} to keep it aside and to go on with what is whole, or restore the file.");
        }

        // Without its header nobody knows whose the messages are, and they must not be sent as somebody else's.
        List<OutboxMessage> whole = isOwnerKnown ? Replay(scan) : [];
        KeepAside(ReadAll(_file!));
        Rewrite(whole);
        LogSalvaged(_path, damagedAt, whole.Count);
        return whole;
    }

    /// <summary>On the disk before the original is replaced.</summary>
    private void KeepAside(ReadOnlyMemory<byte> bytes)
    {
        string path = _path + ".damaged";
        using (FileStream file = _disk.Open(path, FileMode.Create, FileShare.Read))
        {
            _disk.Write(file.SafeFileHandle, bytes.Span, 0);
            _disk.FlushToDisk(file.SafeFileHandle);
        }

        _disk.FlushFolder(path);
    }

    private Memory<byte> ReadAll(FileStream file)
    {
        if (file.Length > Array.MaxLength)
            throw new CampfireException(CampfireErrorCode.OutboxDamaged, $"The outbox {_path} is larger than any outbox: {file.Length} bytes. Is it another file?");
        var bytes = new byte[file.Length];
        file.Position = 0;
        file.ReadExactly(bytes);
        return bytes;
    }

    private OutboxHeader? ReadHeader(OutboxScan scan)
    {
        if (scan.Frames is not [{ Kind: OutboxFrameKind.Header } first, ..] || scan.DamagedAt == 0)
            return null;

        OutboxHeader header = Read(first, OutboxJsonContext.Default.OutboxHeader);
        return header.Version == Version
            ? header
            : throw new CampfireException(CampfireErrorCode.OutboxDamaged, $"The outbox {_path} has the format {header.Version}, of a later version of this library than the present one. Update the library.");
    }

    private List<OutboxMessage> Replay(OutboxScan scan)
    {
        var pending = new Dictionary<Guid, (int Place, OutboxMessage Message)>();
        for (int place = 0; place < scan.Frames.Count; place++)
        {
            OutboxFrame frame = scan.Frames[place];
            switch (frame.Kind)
            {
                case OutboxFrameKind.Header:
                    break;
                case OutboxFrameKind.Added:
                    OutboxMessage message = Read(frame, OutboxJsonContext.Default.OutboxEntry).ToMessage();
                    pending[message.Message.Id] = (place, message);
                    break;
                case OutboxFrameKind.Removed when frame.Payload.Length == GuidSize:
                    pending.Remove(new Guid(frame.Payload.Span));
                    break;
                case OutboxFrameKind.Removed:
                    throw OtherShape(null);
                default:
                    // Whole, and so not damaged: passing over it would erase it when the file is written anew.
                    throw new CampfireException(
                        CampfireErrorCode.OutboxDamaged,
                        $"The outbox {_path} holds a record of the kind {(byte)frame.Kind}, of a later version of this library than the present one. It was left as it is. Update the library.");
            }
        }

        return [.. pending.Values.OrderBy(item => item.Place).Select(item => item.Message)];
    }

    private T Read<T>(OutboxFrame frame, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(frame.Payload.Span, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw OtherShape(e);
        }
    }

    private CampfireException OtherShape(Exception? e) => new(
        CampfireErrorCode.OutboxDamaged, $"The outbox {_path} holds a record of another shape, perhaps of a later version of this library. It was left as it is.", innerException: e);

    private void FlushFolder()
    {
        _disk.FlushFolder(_path);
        _isFolderFlushed = true;
    }

    /// <summary>Cuts a record that was written by half, so that the next one does not come behind torn bytes.</summary>
    /// <returns>Whether the file is known to be as it was before.</returns>
    private bool TakeBack(FileStream file)
    {
        try
        {
            Cut(file);
            return true;
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            LogUnusable(e, _path);
            file.Dispose();
            _file = null;
            return false;
        }
    }

    /// <summary>Goes on behind the last record that is known to be whole, when the disk is well again.</summary>
    private FileStream Reopen(ReadOnlySpan<byte> frame)
    {
        FileStream? file = null;
        try
        {
            file = _disk.Open(_path, FileMode.Open, FileShare.Read);
            if (file.Length < Length)
                throw new IOException($"It has {file.Length} bytes and should have {Length}.");
            Cut(file);
            _doubtful = null;
            return _file = file;
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            file?.Dispose();
            throw frame.SequenceEqual(_doubtful) ? Doubtful(e) : Unusable(e);
        }
    }

    private void Cut(FileStream file)
    {
        _disk.Cut(file.SafeFileHandle, Length);
        _disk.FlushToDisk(file.SafeFileHandle);
    }

    private CampfireException Doubtful(Exception e) => new(
        CampfireErrorCode.OutcomeUnknown,
        $"The outbox {_path} was written, but neither flushed nor cut again, so nobody knows what it holds after a crash. Doing the same again, with the same Id, is safe: {e.Message}",
        innerException: e);

    private CampfireException Unusable(Exception e) => new(
        CampfireErrorCode.OutboxUnavailable,
        $"The outbox {_path} cannot be used since its disk failed. What it had accepted is in the file; it goes on when the disk is well, or open it again: {e.Message}",
        innerException: e);

    [LoggerMessage(1440, LogLevel.Warning, "Cut {Bytes} torn bytes from the end of the outbox {Path}: a message that was being added at a crash and was never accepted")]
    private partial void LogTorn(string path, long bytes);

    [LoggerMessage(1441, LogLevel.Error, "The outbox {Path} was damaged at byte {DamagedAt} and is kept with the ending .damaged; {Count} messages were taken over")]
    private partial void LogSalvaged(string path, long damagedAt, int count);

    [LoggerMessage(1442, LogLevel.Error, "The outbox {Path} cannot be used until its disk is well")]
    private partial void LogUnusable(Exception e, string path);
}

using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Outbox;

/// <summary>The file of one outbox, locked while it is open: appends records, and is written anew to get rid of dead ones. Not thread-safe.</summary>
internal sealed partial class OutboxFile : IDisposable
{
    private const int Version = 1;

    private readonly string _path;
    private readonly string _owner;
    private readonly OutboxDisk _disk;
    private readonly ILogger _logger;
    private readonly FileStream _lock;
    private FileStream? _file;

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
            CreateFolder(Path.GetDirectoryName(path)!);
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

    /// <summary>Appends a record whole or not at all.</summary>
    /// <exception cref="CampfireException">The disk failed; nothing was appended.</exception>
    public void Append(ReadOnlySpan<byte> frame, bool isDurable)
    {
        FileStream file = _file ?? throw Unusable(null);
        try
        {
            _disk.Write(file.SafeFileHandle, frame, Length);
            if (isDurable)
                _disk.FlushToDisk(file.SafeFileHandle);
            Length += frame.Length;
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            TakeBack(file);
            throw new CampfireException(
                CampfireErrorCode.OutboxUnavailable, $"The outbox {_path} could not be written, and nothing was added: {e.Message}", innerException: e);
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
            }
            finally
            {
                if (File.Exists(_path))
                    _file = _disk.Open(_path, FileMode.Open, FileShare.Read);
            }

            _disk.FlushFolder(_path);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
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

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
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

        Length = scan.End;
        if (_file.Length > scan.End)
        {
            LogTorn(_path, _file.Length - scan.End);
            _disk.Cut(_file.SafeFileHandle, scan.End);
            _disk.FlushToDisk(_file.SafeFileHandle);
        }

        return Replay(scan);
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
        _file!.Dispose();
        _file = null;
        File.Copy(_path, _path + ".damaged", overwrite: true);
        Rewrite(whole);
        LogSalvaged(_path, damagedAt, whole.Count);
        return whole;
    }

    private Memory<byte> ReadAll(FileStream file)
    {
        if (file.Length > Array.MaxLength)
            throw new CampfireException(CampfireErrorCode.OutboxDamaged, $"The outbox {_path} is larger than any outbox: {file.Length} bytes. Is it another file?");
        var bytes = new byte[file.Length];
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
            if (frame.Kind is OutboxFrameKind.Added)
            {
                OutboxMessage message = Read(frame, OutboxJsonContext.Default.OutboxEntry).ToMessage();
                pending[message.Message.Id] = (place, message);
            }
            else if (frame.Kind is OutboxFrameKind.Removed)
            {
                pending.Remove(new Guid(frame.Payload.Span));
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
            throw new CampfireException(CampfireErrorCode.OutboxDamaged, $"The outbox {_path} holds a record of another shape, perhaps of a later version of this library.", innerException: e);
        }
    }

    /// <summary>Cuts a record that was written by half, so that the next one does not come behind torn bytes.</summary>
    private void TakeBack(FileStream file)
    {
        try
        {
            _disk.Cut(file.SafeFileHandle, Length);
            _disk.FlushToDisk(file.SafeFileHandle);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            LogUnusable(e, _path);
            file.Dispose();
            _file = null;
        }
    }

    private CampfireException Unusable(Exception? e) => new(
        CampfireErrorCode.OutboxUnavailable,
        $"The outbox {_path} cannot be used since its disk failed. What it had accepted is in the file: open it again when the disk is well.",
        innerException: e);

    [LoggerMessage(1440, LogLevel.Warning, "Cut {Bytes} torn bytes from the end of the outbox {Path}: a message that was being added at a crash and was never accepted")]
    private partial void LogTorn(string path, long bytes);

    [LoggerMessage(1441, LogLevel.Error, "The outbox {Path} was damaged at byte {DamagedAt} and is kept with the ending .damaged; {Count} messages were taken over")]
    private partial void LogSalvaged(string path, long damagedAt, int count);

    [LoggerMessage(1442, LogLevel.Error, "The outbox {Path} cannot be used any more")]
    private partial void LogUnusable(Exception e, string path);
}

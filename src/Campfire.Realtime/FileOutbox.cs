using System.Runtime.Versioning;
using Campfire.Realtime.Outbox;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Campfire.Realtime;

/// <summary>An outbox in a file: what <see cref="AddAsync"/> has completed for is on the disk, and outlives a crash or a loss of power.</summary>
/// <remarks>
/// <para>
/// Thread-safe; open it once for each user, set it as <see cref="CampfireClientOptions.Outbox"/>, and dispose it after the client. A second
/// opening, also by another process, is refused with <see cref="CampfireErrorCode.OutboxInUse"/>.
/// </para>
/// <para>
/// <b>The file holds messages in clear</b>, until they are stored and the file is written anew. It can be read by its owner only (mode 600;
/// on Windows the folder's rights count), never holds an access token, and belongs on the device's own disk, not on a network share.
/// </para>
/// <para>
/// Records are appended, each with a checksum. The end of a record that was being written at a crash is cut at the next opening, and said in
/// the log: such a message was never accepted. A record that was damaged later, with whole ones behind it, is refused with
/// <see cref="CampfireErrorCode.OutboxDamaged"/>: see <see cref="FileOutboxOptions.SalvagesDamage"/>. After a failure of the disk the outbox
/// goes on by itself when the disk is well again.
/// </para>
/// </remarks>
[UnsupportedOSPlatform("browser")]
public sealed partial class FileOutbox : IOutbox, IAsyncDisposable
{
    // Below that a new file costs more than it frees.
    private const long MinDeadBytes = 64 * 1024;

    private readonly FileOutboxOptions _options;
    private readonly ILogger _logger;
    private readonly OutboxFile _file;
    private readonly Dictionary<Guid, Pending> _pending;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _added;
    private long _liveBytes;
    private long _retryRewriteAt;
    private bool _isDisposed;

    private FileOutbox(FileOutboxOptions options, ILogger logger, OutboxFile file, IReadOnlyList<OutboxMessage> pending)
    {
        _options = options;
        _logger = logger;
        _file = file;
        _pending = new Dictionary<Guid, Pending>(pending.Count);
        foreach (OutboxMessage message in pending)
            Hold(message, FrameOf(message).Length);
    }

    /// <inheritdoc/>
    public string Owner => _options.Owner!;

    /// <summary>Opens an outbox, and creates its file where there is none.</summary>
    /// <param name="options">The options. They are copied: later changes have no effect.</param>
    /// <param name="cancellationToken">Gives up before the file is opened.</param>
    /// <exception cref="ArgumentException">An option is missing or out of its range; the message names it.</exception>
    /// <exception cref="CampfireException">
    /// The file is open already (<see cref="CampfireErrorCode.OutboxInUse"/>), is damaged (<see cref="CampfireErrorCode.OutboxDamaged"/>),
    /// belongs to somebody else (<see cref="CampfireErrorCode.WrongUser"/>), or the disk failed (<see cref="CampfireErrorCode.OutboxUnavailable"/>).
    /// </exception>
    public static Task<FileOutbox> OpenAsync(FileOutboxOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return OpenAsync(options, new OutboxDisk(), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<OutboxMessage>> ReadAsync(CancellationToken cancellationToken = default)
    {
        await EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return InOrder();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="CampfireException">
    /// The outbox is full (<see cref="CampfireErrorCode.OutboxFull"/>), another message with the identifier is pending
    /// (<see cref="CampfireErrorCode.Conflict"/>), or the disk is full or failed (<see cref="CampfireErrorCode.OutboxUnavailable"/>); or the disk
    /// failed so that nobody knows whether the message is in the file (<see cref="CampfireErrorCode.OutcomeUnknown"/>).
    /// </exception>
    /// <exception cref="ObjectDisposedException">The outbox was disposed.</exception>
    public async ValueTask<bool> AddAsync(OutboxMessage message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        await EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // A disk may take its time, and the caller may be a user interface's only thread.
            return await Task.Run(() => Add(message), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="CampfireException">
    /// The disk failed, and the message is not removed (<see cref="CampfireErrorCode.OutboxUnavailable"/>) or perhaps not
    /// (<see cref="CampfireErrorCode.OutcomeUnknown"/>). Removing it again is safe.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The outbox was disposed.</exception>
    public async ValueTask RemoveAsync(Guid messageId, CancellationToken cancellationToken = default)
    {
        await EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Task.Run(() => Remove(messageId), CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Closes and unlocks the file, after what is being written. Calling it again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!_isDisposed)
                _file.Dispose();
            _isDisposed = true;
        }
        finally
        {
            _gate.Release();
        }
    }

    internal static Task<FileOutbox> OpenAsync(FileOutboxOptions options, OutboxDisk disk, CancellationToken cancellationToken = default)
    {
        FileOutboxOptions copy = options.CheckedCopy();
        ILogger logger = (copy.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger<FileOutbox>();
        return Task.Run(
            () =>
            {
                OutboxFile file = OutboxFile.Open(copy, disk, logger, out IReadOnlyList<OutboxMessage> pending);
                return new FileOutbox(copy, logger, file, pending);
            },
            cancellationToken);
    }

    private static byte[] FrameOf(OutboxMessage message) => OutboxFrames.Encode(OutboxFrameKind.Added, OutboxEntry.Encode(message));

    private async ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!_isDisposed)
            return;

        _gate.Release();
        throw new ObjectDisposedException(nameof(FileOutbox));
    }

    private bool Add(OutboxMessage message)
    {
        byte[] frame = FrameOf(message);
        if (_pending.TryGetValue(message.Message.Id, out Pending? same))
        {
            return frame.AsSpan().SequenceEqual(FrameOf(same.Message))
                ? false
                : throw new CampfireException(
                    CampfireErrorCode.Conflict, $"Another message with the Id {message.Message.Id} is in the outbox. Make a new OutgoingMessage for each message.");
        }

        if (_pending.Count >= _options.MaxMessages || _liveBytes + frame.Length > _options.MaxBytes)
        {
            throw new CampfireException(
                CampfireErrorCode.OutboxFull,
                $"The outbox {_options.Path} is full: {_pending.Count} messages of {_liveBytes} bytes wait, {_options.MaxMessages} of {_options.MaxBytes} may. Add again when some are delivered.");
        }

        _file.Append(frame);
        Hold(message, frame.Length);
        return true;
    }

    private void Remove(Guid messageId)
    {
        if (!_pending.TryGetValue(messageId, out Pending? pending))
            return;

        _file.Append(OutboxFrames.Encode(OutboxFrameKind.Removed, messageId.ToByteArray()));
        _pending.Remove(messageId);
        _liveBytes -= pending.Size;

        long dead = _file.Length - _liveBytes;
        if (dead < MinDeadBytes || dead < _liveBytes || _file.Length < _retryRewriteAt)
            return;

        try
        {
            _file.Rewrite(InOrder());
        }
        catch (CampfireException e)
        {
            // The message is removed, which is what was asked for; the space is freed another time.
            LogNotRewritten(e, _options.Path!);
            _retryRewriteAt = _file.Length + MinDeadBytes;
        }
    }

    private void Hold(OutboxMessage message, int size)
    {
        _pending.Add(message.Message.Id, new Pending(_added++, size, message));
        _liveBytes += size;
    }

    private List<OutboxMessage> InOrder() => [.. _pending.Values.OrderBy(pending => pending.Number).Select(pending => pending.Message)];

    [LoggerMessage(1443, LogLevel.Warning, "The outbox {Path} could not be written anew and goes on growing")]
    private partial void LogNotRewritten(Exception e, string path);

    private sealed record Pending(long Number, int Size, OutboxMessage Message);
}

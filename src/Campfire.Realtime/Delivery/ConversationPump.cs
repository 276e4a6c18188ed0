using System.Threading.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

/// <summary>Brings the events of one conversation, live or from the log, to its reader: each stored one exactly once and in order.</summary>
/// <remarks>
/// Live events are a fast path that may lose, repeat and swap; the log is the truth. The pump reads the log after each join, when a
/// hole stays open, when the live buffer ran over, from time to time in case that the newest event was lost, and again and again while
/// the channel is away. What arrives live meanwhile does not wait for a read: the order of both is the sequencer's business.
/// </remarks>
internal sealed partial class ConversationPump : IAsyncDisposable
{
    private static readonly TimeSpan SuspicionInterval = TimeSpan.FromSeconds(1);

    private readonly ConversationLog _log;
    private readonly CampfireClientOptions _options;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly EventSequencer _sequencer;
    private readonly WakeUp _wakeUp;
    private readonly Channel<ConversationEvent> _live;
    private readonly SingleReaderStream<(ConversationEvent, EventSource)> _delivered;
    private readonly DeliveryMonitor _delivery;
    private readonly ViolationLog _violations;
    private readonly ReadAbandoning _abandoning;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _announced;
    private int _mustCatchUp;
    private int _mayMiss;
    private int _mustStartAfresh;
    private LogRead? _read;
    private bool _hasEnded;
    private bool _isDisposed;
    private long? _holeSince;
    private long _lastTailCheck;
    private TimeSpan _tailCheckIn;
    private Task _loop = Task.CompletedTask;

    public ConversationPump(ConversationLog log, long cursor, CampfireClientOptions options, Backoff backoff, StatusBoard status, ILogger logger)
    {
        _log = log;
        _options = options;
        _backoff = backoff;
        _logger = logger;
        _sequencer = new EventSequencer(cursor, options.EventBufferSize);
        _wakeUp = new WakeUp(options.TimeProvider);
        _live = Channel.CreateBounded<ConversationEvent>(new BoundedChannelOptions(options.EventBufferSize) { SingleReader = true });
        _delivered = new SingleReaderStream<(ConversationEvent, EventSource)>(options.EventBufferSize, BoundedChannelFullMode.Wait);
        _announced = cursor;
        _violations = new ViolationLog(logger);
        _abandoning = new ReadAbandoning(options.RequestTimeout, options.TimeProvider);
        _delivery = new DeliveryMonitor(options, backoff, status, _wakeUp.Now);
        TailChecked();
    }

    /// <summary>Completes when the stream has ended.</summary>
    public Task Ended => _ended.Task;

    public DeliveryState State => _delivery.State;

    public void Start() => _loop = Background.Run(() => RunAsync(_stopping.Token));

    /// <summary>Takes a live event. Never blocks: what finds no room is read from the log.</summary>
    public void Offer(ConversationEvent e)
    {
        if (!_live.Writer.TryWrite(e) && e is StoredEvent)
            RequestCatchUp();
        else
            _wakeUp.Now();
    }

    /// <summary>Says that the log reaches at least this far; if the event does not arrive soon, the log is read.</summary>
    public void Announce(long sequence)
    {
        long seen = Volatile.Read(ref _announced);
        while (sequence > seen)
        {
            long before = Interlocked.CompareExchange(ref _announced, sequence, seen);
            if (before == seen)
            {
                _wakeUp.Now();
                return;
            }

            seen = before;
        }
    }

    /// <summary>Says that something may be missing of which nothing is known. The log is read, but not for each of many.</summary>
    public void RequestCatchUpSoon()
    {
        Volatile.Write(ref _mayMiss, 1);
        _wakeUp.Now();
    }

    public void RequestCatchUp()
    {
        Volatile.Write(ref _mustCatchUp, 1);
        _wakeUp.Now();
    }

    public void OnLive()
    {
        _delivery.OnLive();

        // A read that failed while the channel was away may have long to wait for its next attempt.
        Volatile.Write(ref _mustStartAfresh, 1);
        RequestCatchUp();
    }

    public void OnInterrupted(string reason) => _delivery.OnInterrupted(reason);

    public IAsyncEnumerable<DeliveryState> WatchStateAsync(CancellationToken cancellationToken) => _delivery.WatchAsync(cancellationToken);

    public IAsyncEnumerable<(ConversationEvent Event, EventSource Source)> ReadAsync(CancellationToken cancellationToken) => _delivered.ReadAsync(cancellationToken);

    /// <summary>Ends the stream, behind what was delivered before. Nothing is read any more.</summary>
    public void End(Exception reason)
    {
        _delivered.Complete(reason);
        _delivery.OnEnded(reason.Message);
        Volatile.Write(ref _hasEnded, true);
        _wakeUp.Now();
        _ended.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _violations.LogTotals();
        _delivered.Complete();
        _ended.TrySetResult();
        _delivery.Dispose();
        _wakeUp.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _wakeUp.WaitAsync(cancellationToken).ConfigureAwait(false);
                if (Volatile.Read(ref _hasEnded))
                    return;

                while (_live.Reader.TryRead(out ConversationEvent? e))
                    await AcceptAsync(e, EventSource.Live, cancellationToken).ConfigureAwait(false);

                if (Interlocked.Exchange(ref _mustStartAfresh, 0) != 0 && _read is not null && _abandoning.MayAbandon())
                    AbandonRead();
                if (_read is { Page.IsCompleted: true } read)
                    await TakeAsync(read, cancellationToken).ConfigureAwait(false);
                if (_read is null && MustCatchUp())
                    BeginCatchUp(cancellationToken);
                if (_read is null)
                    SetTimer();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Disposed.
        }
        catch (ChannelClosedException)
        {
            // Ended while an event waited for room: the stream has said why.
        }
        catch (CampfireException e)
        {
            End(PersistentReader.IsVerdict(e)
                ? new CampfireException(CampfireErrorCode.AccessWithdrawn, $"The conversation {_log.ConversationId} can no longer be read.", e.ServerReason, e)
                : e);
        }
        catch (Exception e)
        {
            // An error of ours; the reader must not wait for ever because of it.
            End(new CampfireException(CampfireErrorCode.Unavailable, $"The conversation {_log.ConversationId} can no longer be followed: an unexpected {e.GetType().Name}.", innerException: e));
        }
        finally
        {
            if (_read is { } read)
            {
                AbandonRead();
                await ((Task)read.Page).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private bool MustCatchUp()
    {
        if (Volatile.Read(ref _mustCatchUp) != 0 || _delivery.IsPollDue)
            return true;

        TimeProvider time = _options.TimeProvider;
        if (Volatile.Read(ref _mayMiss) != 0 && time.GetElapsedTime(_lastTailCheck) >= SuspicionInterval)
            return true;

        if (!_sequencer.HasHole && Volatile.Read(ref _announced) <= _sequencer.Cursor)
        {
            _holeSince = null;
        }
        else
        {
            _holeSince ??= time.GetTimestamp();
            if (time.GetElapsedTime(_holeSince.Value) >= _options.GapHoldTime)
            {
                LogHole(_log.ConversationId, _sequencer.Cursor + 1);
                Instruments.Gap();
                return true;
            }
        }

        return time.GetElapsedTime(_lastTailCheck) >= _tailCheckIn;
    }

    private void SetTimer()
    {
        TimeProvider time = _options.TimeProvider;
        TimeSpan delay = _tailCheckIn - time.GetElapsedTime(_lastTailCheck);
        if (_holeSince is { } since)
        {
            TimeSpan hold = _options.GapHoldTime - time.GetElapsedTime(since);
            delay = hold < delay ? hold : delay;
        }

        if (Volatile.Read(ref _mayMiss) != 0)
        {
            TimeSpan suspicion = SuspicionInterval - time.GetElapsedTime(_lastTailCheck);
            delay = suspicion < delay ? suspicion : delay;
        }

        _wakeUp.In(delay);
    }

    private async ValueTask AcceptAsync(ConversationEvent e, EventSource source, CancellationToken cancellationToken)
    {
        if (e is not StoredEvent stored)
        {
            // Nobody promises these; they must not hold up those that are.
            _delivered.TryWrite((e, source));
            return;
        }

        switch (_sequencer.Offer(stored, source))
        {
            case Delivery.Offer.Refused:
                Volatile.Write(ref _mustCatchUp, 1);
                break;
            case Delivery.Offer.Duplicate:
                Instruments.Duplicate();
                break;
            default:
                Instruments.Accepted(stored, source);
                break;
        }

        await DeliverAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask DeliverAsync(CancellationToken cancellationToken)
    {
        while (_sequencer.TryTake(out (StoredEvent, EventSource) next))
            await _delivered.WriteAsync(next, cancellationToken).ConfigureAwait(false);
    }

    private void BeginCatchUp(CancellationToken cancellationToken)
    {
        _sequencer.MarkHeld();
        ReadPage(cancellationToken);
    }

    private void ReadPage(CancellationToken cancellationToken)
    {
        // What asked for a catch-up before this read is answered by it.
        Volatile.Write(ref _mustCatchUp, 0);
        Volatile.Write(ref _mayMiss, 0);
        var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        long announced = Volatile.Read(ref _announced);
        Task<LogPage> page = _log.ReadAfterAsync(_sequencer.Cursor, _delivery.LeastRetryDelay, abandon.Token);
        _read = new LogRead(page, announced, abandon);
        _ = page.ContinueWith(
            static (page, wakeUp) =>
            {
                _ = page.Exception;
                ((WakeUp)wakeUp!).Now();
            },
            _wakeUp, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void AbandonRead()
    {
        if (_read is not { } read)
            return;

        _read = null;
        read.Abandon.Cancel();
        read.Abandon.Dispose();
        Volatile.Write(ref _mustCatchUp, 1);
    }

    private async Task TakeAsync(LogRead read, CancellationToken cancellationToken)
    {
        _read = null;
        read.Abandon.Dispose();
        LogPage page = await read.Page.ConfigureAwait(false);
        EventSource source = _delivery.State.Mode is DeliveryMode.Polling ? EventSource.Polled : EventSource.Recovered;
        int recovered = 0;
        foreach (StoredEvent stored in page.Events)
        {
            if (stored.Sequence <= _sequencer.Cursor)
                continue;

            await GiveUpBeforeAsync(stored.Sequence, cancellationToken).ConfigureAwait(false);
            await AcceptAsync(stored, source, cancellationToken).ConfigureAwait(false);
            recovered++;
        }

        if (recovered > 0)
            LogRecovered(_log.ConversationId, recovered, _sequencer.Cursor);
        await GiveUpBeforeAsync(page.Through + 1, cancellationToken).ConfigureAwait(false);

        // What was announced and is not in the log will not be looked for again and again.
        if (read.Announced > page.LastSequence)
            Interlocked.CompareExchange(ref _announced, page.LastSequence, read.Announced);

        if (page.HasMore)
        {
            ReadPage(cancellationToken);
            return;
        }

        // What was held before this was read was stored before. A replica may show it later, so the log is asked twice.
        int invented = _sequencer.DropBeyond(page.LastSequence, out bool hasDoubtful);
        if (hasDoubtful)
            RequestCatchUpSoon();
        for (; invented > 0; invented--)
            _violations.Report(Violation.InventedEvent, "beyond the log", _log.ConversationId.ToString(), $"the log ends at {page.LastSequence}");

        _holeSince = null;
        _delivery.OnRead();
        TailChecked();
    }

    /// <summary>What the log itself does not have will not come.</summary>
    private async ValueTask GiveUpBeforeAsync(long sequence, CancellationToken cancellationToken)
    {
        while (_sequencer.GiveUpBefore(sequence) is { } lost)
        {
            LogHistoryGap(_log.ConversationId, lost.First, lost.Last);
            Instruments.HistoryLost(lost.Last - lost.First + 1);
            await _delivered.WriteAsync((new HistoryGap(_log.ConversationId, lost.First, lost.Last), EventSource.Recovered), cancellationToken).ConfigureAwait(false);
            await DeliverAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void TailChecked()
    {
        _lastTailCheck = _options.TimeProvider.GetTimestamp();
        _tailCheckIn = _backoff.Around(_options.TailCheckInterval);
    }

    /// <param name="Page">What is being read.</param>
    /// <param name="Announced">How far the log was said to reach when the read began.</param>
    /// <param name="Abandon">Ends the read.</param>
    private sealed record LogRead(Task<LogPage> Page, long Announced, CancellationTokenSource Abandon);
}

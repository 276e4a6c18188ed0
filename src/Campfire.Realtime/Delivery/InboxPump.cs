using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

/// <summary>Keeps the conversations of an organization that changed last at their newest known version, from the channel and from the database.</summary>
internal sealed partial class InboxPump : IAsyncDisposable
{
    private const int PageSize = 200;

    // Rows are stamped before their transaction commits: a row may become visible behind a later stamp. Reading again from
    // a little earlier finds it, and its version says whether it is news.
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan SuspicionInterval = TimeSpan.FromSeconds(1);

    private readonly Guid _organizationId;
    private readonly RpcClient _rpc;
    private readonly int _limit;
    private readonly CampfireClientOptions _options;
    private readonly Backoff _backoff;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly InboxList _list;
    private readonly DeliveryMonitor _delivery;
    private readonly PersistentReader _reader;
    private readonly ReadAbandoning _abandoning;
    private readonly WakeUp _readNeeded;
    private readonly WakeUp _hasChanges;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _firstRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isReadSoon;
    private CancellationTokenSource? _reading;
    private DateTimeOffset? _readThrough;
    private Exception? _error;
    private bool _isComplete;
    private int _isRead;
    private bool _isDisposed;
    private Task _loop = Task.CompletedTask;

    public InboxPump(Guid organizationId, int limit, RpcClient rpc, CampfireClientOptions options, Backoff backoff, StatusBoard status, ILogger logger)
    {
        _organizationId = organizationId;
        _rpc = rpc;
        _limit = limit;
        _options = options;
        _backoff = backoff;
        _logger = logger;
        _list = new InboxList(limit);
        _readNeeded = new WakeUp(options.TimeProvider);
        _hasChanges = new WakeUp(options.TimeProvider);
        _delivery = new DeliveryMonitor(options, backoff, status, _readNeeded.Now);
        _reader = new PersistentReader(options, backoff);
        _abandoning = new ReadAbandoning(options.RequestTimeout, options.TimeProvider);
        _firstRead.Task.IsToldElsewhere();
    }

    /// <summary>Completes when the list holds what the database had at the join.</summary>
    public Task FirstRead => _firstRead.Task;

    public DeliveryState State => _delivery.State;

    public bool HasMore
    {
        get
        {
            lock (_gate)
                return _list.HasMore;
        }
    }

    public void Start() => _loop = Background.Run(() => RunAsync(_stopping.Token));

    public void RequestRead() => _readNeeded.Now();

    /// <summary>Says that something may be missing of which nothing is known. The database is read, but not for each of many.</summary>
    public void RequestReadSoon()
    {
        if (Interlocked.Exchange(ref _isReadSoon, true) is false)
            _readNeeded.In(SuspicionInterval);
    }

    /// <summary>Completes when the stream has ended.</summary>
    public Task Ended => _ended.Task;

    public void OnLive()
    {
        _delivery.OnLive();
        lock (_gate)
        {
            // A read that failed while the channel was away may have long to wait for its next attempt.
            if (_reading is { } reading && _abandoning.MayAbandon())
                _ = reading.CancelAsync();
        }

        _readNeeded.Now();
    }

    public void OnInterrupted(string reason) => _delivery.OnInterrupted(reason);

    public IAsyncEnumerable<DeliveryState> WatchStateAsync(CancellationToken cancellationToken) => _delivery.WatchAsync(cancellationToken);

    public void Offer(ConversationSummary conversation)
    {
        if (conversation.OrganizationId != _organizationId)
            return;

        lock (_gate)
        {
            // What the first read brings is the list itself, not a change of it.
            if (!_list.Offer(conversation, isChange: _firstRead.Task.IsCompleted))
                return;
        }

        _hasChanges.Now();
    }

    public IReadOnlyList<ConversationSummary> List()
    {
        lock (_gate)
            return _list.ToList();
    }

    public async IAsyncEnumerable<ConversationSummary> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _isRead, 1) != 0)
            throw new InvalidOperationException("This inbox is being read already. One reader sees every change; two would share them out.");

        try
        {
            while (true)
            {
                ConversationSummary? next = null;
                bool isComplete;
                lock (_gate)
                {
                    _list.TryTakeChange(out next);
                    isComplete = _isComplete;
                }

                if (next is not null)
                    yield return next;
                else if (!isComplete)
                    await _hasChanges.WaitAsync(cancellationToken).ConfigureAwait(false);
                else if (_error is not null)
                    throw _error;
                else
                    yield break;
            }
        }
        finally
        {
            Volatile.Write(ref _isRead, 0);
        }
    }

    /// <summary>Reads a page, once; the list is not changed by it.</summary>
    /// <exception cref="CampfireException">The database refused or could not be reached.</exception>
    public async Task<IReadOnlyList<ConversationSummary>> ReadOlderAsync(
        ConversationSummary? before, int limit, ConversationStatus? status, CancellationToken cancellationToken) =>
        Parse((await CallAsync(
            new ConversationsArguments(_organizationId, status?.ToString().ToLowerInvariant(), PBefore: before?.UpdatedAt, PBeforeId: before?.Id, PLimit: limit),
            cancellationToken).ConfigureAwait(false)).Conversations);

    public void End(Exception? reason)
    {
        lock (_gate)
        {
            _isComplete = true;
            _error ??= reason;
            _ = _reading?.CancelAsync();
        }

        if (reason is null)
            _delivery.Dispose();
        else
            _delivery.OnEnded(reason.Message);

        _hasChanges.Now();
        _readNeeded.Now();
        _firstRead.TrySetException(reason ?? new ObjectDisposedException(nameof(Inbox)));
        _ended.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        End(null);
        _readNeeded.Dispose();
        _hasChanges.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _readNeeded.WaitAsync(cancellationToken).ConfigureAwait(false);
                lock (_gate)
                {
                    if (_isComplete)
                        return;
                }

                Volatile.Write(ref _isReadSoon, false);
                if (!await TryReadAsync(cancellationToken).ConfigureAwait(false))
                    continue;

                _firstRead.TrySetResult();
                _delivery.OnRead();

                // The newest change may have been lost on its way, and nothing behind it would show that.
                _readNeeded.In(_backoff.Around(_options.TailCheckInterval));

                // What was asked for during the read has lost its timer to the line above.
                if (Volatile.Read(ref _isReadSoon))
                    _readNeeded.In(SuspicionInterval);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Disposed.
        }
        catch (CampfireException e)
        {
            End(_firstRead.Task.IsCompletedSuccessfully && PersistentReader.IsVerdict(e)
                ? new CampfireException(CampfireErrorCode.AccessWithdrawn, $"The inbox of {_organizationId} can no longer be read.", e.ServerReason, e)
                : e);
        }
        catch (Exception e)
        {
            // An error of ours; the reader, and whoever awaits the join, must not wait for ever because of it.
            End(new CampfireException(CampfireErrorCode.Unavailable, $"The inbox of {_organizationId} can no longer be followed: an unexpected {e.GetType().Name}.", innerException: e));
        }
    }

    /// <returns>False when the channel became live meanwhile, or the stream ended: the loop is woken, and looks what is to be done.</returns>
    private async Task<bool> TryReadAsync(CancellationToken cancellationToken)
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (_gate)
        {
            if (_isComplete)
                return false;
            _reading = reading;
        }

        try
        {
            await ReadChangedAsync(reading.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && reading.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            lock (_gate)
                _reading = null;
        }
    }

    /// <summary>Reads what changed since the last time, the newest first, and never more than the list holds.</summary>
    private async Task ReadChangedAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? after = _readThrough - Overlap;
        DateTimeOffset? serverTime = null;
        InboxPlace? before = null;
        for (int left = _limit; left > 0;)
        {
            ConversationsPage page = await ReadPageAsync(
                new ConversationsArguments(_organizationId, PUpdatedAfter: after, PBefore: before?.UpdatedAt, PBeforeId: before?.Id, PLimit: Math.Min(left, PageSize)),
                cancellationToken).ConfigureAwait(false);
            serverTime ??= page.ServerTime;
            InboxPlace? last = OfferAll(page.Conversations);

            // The list goes down from page to page; one that does not would be read for ever.
            if (!page.HasMore || last is null || last == before)
                break;

            left -= page.Conversations.Count;
            before = last;
            if (left <= 0)
                CutOffAt(last.Value);
        }

        _readThrough = serverTime;
    }

    private void CutOffAt(InboxPlace place)
    {
        lock (_gate)
            _list.CutOffAt(place);
    }

    /// <summary>Takes what can be read of a page: one bad row must not hide the others.</summary>
    /// <returns>The place of the last row, null when no row states one.</returns>
    private InboxPlace? OfferAll(IReadOnlyList<JsonElement> rows)
    {
        foreach (ConversationSummary conversation in Parse(rows))
            Offer(conversation);
        return rows.Select(InboxPlace.Of).LastOrDefault(place => place is not null);
    }

    private List<ConversationSummary> Parse(IReadOnlyList<JsonElement> rows)
    {
        var conversations = new List<ConversationSummary>(rows.Count);
        foreach (JsonElement row in rows)
        {
            if (PayloadReader.TryReadConversation(JsonMarshal.GetRawUtf8Value(row), out ConversationSummary? conversation, out string? error))
                conversations.Add(conversation);
            else
                LogUnreadable(_organizationId, error);
        }

        return conversations;
    }

    private Task<ConversationsPage> ReadPageAsync(ConversationsArguments arguments, CancellationToken cancellationToken) => _reader.ReadAsync(
        token => ReadOnceAsync(arguments, token),
        (e, attempt, delay) => LogReadFailed(_organizationId, e.Code, attempt, delay),
        _delivery.LeastRetryDelay,
        cancellationToken);

    private async Task<ConversationsPage> ReadOnceAsync(ConversationsArguments arguments, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync(arguments, cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireException e) when (!e.IsTransient && !_firstRead.Task.IsCompleted)
        {
            // Whoever awaits the join is told at once what waiting does not mend.
            _firstRead.TrySetException(e);
            throw;
        }
    }

    private Task<ConversationsPage> CallAsync(ConversationsArguments arguments, CancellationToken cancellationToken) => _rpc.CallAsync(
        "campfire_conversations", arguments, RpcJsonContext.Default.ConversationsArguments, RpcJsonContext.Default.ConversationsPage, cancellationToken);

    [LoggerMessage(1402, LogLevel.Warning, "Reading the inbox of {OrganizationId} failed ({Code}), attempt {Attempt}; again in {Delay}")]
    private partial void LogReadFailed(Guid organizationId, CampfireErrorCode code, int attempt, TimeSpan delay);

    [LoggerMessage(1403, LogLevel.Error, "The inbox of {OrganizationId} holds an unreadable conversation: {Error}")]
    private partial void LogUnreadable(Guid organizationId, string error);
}

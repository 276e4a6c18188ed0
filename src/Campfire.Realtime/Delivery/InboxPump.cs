using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Streams;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

/// <summary>Keeps an organization's conversations at their newest known version, from the channel and from the database.</summary>
internal sealed partial class InboxPump : IAsyncDisposable
{
    private const int PageSize = 200;

    // Rows are stamped before their transaction commits: a row may become visible behind a later stamp. Reading again from
    // a little earlier finds it, and its version says whether it is news.
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(30);

    private readonly Guid _organizationId;
    private readonly RpcClient _rpc;
    private readonly ChannelServices _services;
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, ConversationSummary> _known = [];
    private readonly Dictionary<Guid, ConversationSummary> _changed = [];
    private readonly Queue<Guid> _changedInOrder = new();
    private readonly WakeUp _readNeeded;
    private readonly WakeUp _hasChanges;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _firstRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DateTimeOffset? _readThrough;
    private Exception? _error;
    private bool _isComplete;
    private int _isRead;
    private Task _loop = Task.CompletedTask;

    public InboxPump(Guid organizationId, RpcClient rpc, ChannelServices services)
    {
        _organizationId = organizationId;
        _rpc = rpc;
        _services = services;
        _readNeeded = new WakeUp(services.Options.TimeProvider);
        _hasChanges = new WakeUp(services.Options.TimeProvider);
    }

    /// <summary>Completes when the list holds what the database had at the join.</summary>
    public Task FirstRead => _firstRead.Task;

    public void Start() => _loop = Task.Run(() => RunAsync(_stopping.Token), CancellationToken.None);

    public void RequestRead() => _readNeeded.Now();

    public void Offer(ConversationSummary conversation)
    {
        if (conversation.OrganizationId != _organizationId)
            return;

        lock (_gate)
        {
            if (_known.TryGetValue(conversation.Id, out ConversationSummary? known) && known.Version >= conversation.Version)
                return;

            _known[conversation.Id] = conversation;

            // What the first read brings is the list itself, not a change of it.
            if (_firstRead.Task.IsCompleted)
            {
                if (!_changed.ContainsKey(conversation.Id))
                    _changedInOrder.Enqueue(conversation.Id);
                _changed[conversation.Id] = conversation;
            }
        }

        _hasChanges.Now();
    }

    public IReadOnlyList<ConversationSummary> List()
    {
        lock (_gate)
            return [.. _known.Values.OrderByDescending(conversation => conversation.UpdatedAt).ThenBy(conversation => conversation.Id)];
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
                    if (_changedInOrder.TryDequeue(out Guid id))
                        _changed.Remove(id, out next);
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

    public void End(Exception? reason)
    {
        lock (_gate)
        {
            _isComplete = true;
            _error ??= reason;
        }

        _hasChanges.Now();
        _readNeeded.Now();
        if (_firstRead.TrySetException(reason ?? new ObjectDisposedException(nameof(Inbox))))
            _ = _firstRead.Task.Exception;
    }

    public async ValueTask DisposeAsync()
    {
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

                await ReadAllAsync(cancellationToken).ConfigureAwait(false);
                _firstRead.TrySetResult();

                // The newest change may have been lost on its way, and nothing behind it would show that.
                _readNeeded.In(_services.Backoff.Around(_services.Options.TailCheckInterval));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Disposed.
        }
        catch (CampfireException e)
        {
            End(_firstRead.Task.IsCompleted && e.Code is (CampfireErrorCode.NotFound or CampfireErrorCode.AccessDenied)
                ? new CampfireException(CampfireErrorCode.AccessWithdrawn, $"The inbox of {_organizationId} can no longer be read.", e.ServerReason, e)
                : e);
        }
        catch (Exception e)
        {
            // An error of ours; the reader, and whoever awaits the join, must not wait for ever because of it.
            End(new CampfireException(CampfireErrorCode.Unavailable, $"The inbox of {_organizationId} can no longer be followed: an unexpected {e.GetType().Name}.", innerException: e));
        }
    }

    private async Task ReadAllAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? after = _readThrough - Overlap;
        DateTimeOffset? serverTime = null;
        Place? before = null;
        while (true)
        {
            ConversationsPage page = await ReadPageAsync(
                new ConversationsArguments(_organizationId, PUpdatedAfter: after, PBefore: before?.UpdatedAt, PBeforeId: before?.Id, PLimit: PageSize), cancellationToken).ConfigureAwait(false);
            serverTime ??= page.ServerTime;
            Place? last = OfferAll(page.Conversations);

            // The list goes down from page to page; one that does not would be read for ever.
            if (!page.HasMore || last is null || last == before)
                break;
            before = last;
        }

        _readThrough = serverTime;
    }

    /// <summary>Takes what can be read of a page: one bad row must not hide the others.</summary>
    /// <returns>The place of the last row, null when no row states one.</returns>
    private Place? OfferAll(IReadOnlyList<JsonElement> rows)
    {
        Place? last = null;
        foreach (JsonElement row in rows)
        {
            if (PayloadReader.TryReadConversation(JsonMarshal.GetRawUtf8Value(row), out ConversationSummary? conversation, out string? error))
                Offer(conversation);
            else
                LogUnreadable(_services.Logger, _organizationId, error);

            if (Place.Of(row) is { } place)
                last = place;
        }

        return last;
    }

    private async Task<ConversationsPage> ReadPageAsync(ConversationsArguments arguments, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await _rpc.CallAsync(
                    "campfire_conversations", arguments, RpcJsonContext.Default.ConversationsArguments, RpcJsonContext.Default.ConversationsPage, cancellationToken).ConfigureAwait(false);
            }
            catch (CampfireException e) when (e.IsTransient)
            {
                TimeSpan delay = _services.Backoff.Next(attempt);
                LogReadFailed(_services.Logger, _organizationId, e.Code, attempt, delay);
                await Task.Delay(delay, _services.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(1402, LogLevel.Warning, "Reading the inbox of {OrganizationId} failed ({Code}), attempt {Attempt}; again in {Delay}")]
    private static partial void LogReadFailed(ILogger logger, Guid organizationId, CampfireErrorCode code, int attempt, TimeSpan delay);

    [LoggerMessage(1403, LogLevel.Error, "The inbox of {OrganizationId} holds an unreadable conversation: {Error}")]
    private static partial void LogUnreadable(ILogger logger, Guid organizationId, string error);

    /// <summary>Where a row stands in the list, also when the rest of it cannot be read.</summary>
    private readonly record struct Place(DateTimeOffset UpdatedAt, Guid Id)
    {
        public static Place? Of(JsonElement row) =>
            row.ValueKind is JsonValueKind.Object
            && row.TryGetProperty("updated_at", out JsonElement updatedAt) && updatedAt.ValueKind is JsonValueKind.String && updatedAt.TryGetDateTimeOffset(out DateTimeOffset time)
            && row.TryGetProperty("id", out JsonElement id) && id.ValueKind is JsonValueKind.String && id.TryGetGuid(out Guid guid)
                ? new Place(time, guid)
                : null;
    }
}

using Campfire.Realtime.Channels;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Rest;

namespace Campfire.Realtime;

/// <summary>The live list of the conversations of an organization that changed last: what was there at the join, then each change.</summary>
/// <remarks>
/// The list holds <see cref="InboxOptions.Limit"/> conversations; earlier ones are read with <see cref="GetConversationsAsync"/>.
/// Thread-safe. Of two versions of a conversation the higher one wins, so a change may be skipped when a newer one is known, but the
/// list always ends at the present. What was missed while disconnected is read from the database.
/// </remarks>
public sealed class Inbox : IAsyncDisposable
{
    private readonly ChannelSession _session;
    private readonly InboxPump _pump;
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isDisposed;

    internal Inbox(Guid organizationId, int limit, RpcClient rpc, ChannelServices services)
    {
        OrganizationId = organizationId;
        _pump = new InboxPump(organizationId, limit, rpc, services.Options, services.Backoff, services.Connections.Status, services.Logger);
        _session = new ChannelSession(ChannelName.Organization(organizationId), this, new Sink(this), isPresenceEnabled: false, services);
    }

    /// <summary>Gets the organization.</summary>
    public Guid OrganizationId { get; }

    /// <summary>Gets whether changes arrive live at the moment.</summary>
    public bool IsLive => _session.IsJoined;

    /// <summary>Gets the conversations as they are known now, the latest change first.</summary>
    /// <value>Never more than <see cref="InboxOptions.Limit"/>. Where the reader of the changes fell far behind, this is the truth.</value>
    public IReadOnlyList<ConversationSummary> Conversations => _pump.List();

    /// <summary>Gets whether there are conversations that changed before all of <see cref="Conversations"/>.</summary>
    public bool HasMore => _pump.HasMore;

    /// <summary>Gets how changes arrive at the moment: live, or from the database while the channel is away.</summary>
    public DeliveryState State => _pump.State;

    /// <summary>Watches how changes arrive: the present state first, then each change. The stream ends behind <see cref="DeliveryMode.Ended"/>.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<DeliveryState> WatchStateAsync(CancellationToken cancellationToken = default) => _pump.WatchStateAsync(cancellationToken);

    /// <summary>Reads the changes since the join, one reader at a time.</summary>
    /// <param name="cancellationToken">Ends the reading; a later call goes on where this one stopped.</param>
    /// <returns>
    /// A stream that ends when the inbox is left. A slow reader gets each conversation's newest version, not every one, and nothing of a
    /// conversation that has fallen out of the list meanwhile.
    /// </returns>
    /// <exception cref="CampfireException">The right to read the inbox is gone.</exception>
    public IAsyncEnumerable<ConversationSummary> ReadChangesAsync(CancellationToken cancellationToken = default) => _pump.ReadAsync(cancellationToken);

    /// <summary>Reads stored conversations, the latest change first, for scrolling back. <see cref="Conversations"/> stays as it is.</summary>
    /// <param name="before">Only conversations that changed before this one, as it is known; <see langword="null"/> for the newest.</param>
    /// <param name="limit">How many at most, 1 to 200. The default is 50.</param>
    /// <param name="status">Only conversations with this status; <see langword="null"/>, the default, for all.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="CampfireException">The database refused or could not be reached.</exception>
    public Task<IReadOnlyList<ConversationSummary>> GetConversationsAsync(
        ConversationSummary? before = null, int limit = 50, ConversationStatus? status = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 200);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        return _pump.ReadOlderAsync(before, limit, status, cancellationToken);
    }

    /// <summary>Leaves the inbox and ends its stream. Calling it again waits until it is left.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            await _left.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await _pump.DisposeAsync().ConfigureAwait(false);
            await _session.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _left.SetResult();
        }
    }

    internal async Task JoinAsync(CancellationToken cancellationToken)
    {
        await _session.JoinAsync(cancellationToken).ConfigureAwait(false);
        _pump.Start();
        _ = LeaveAtEndAsync();
        await _pump.FirstRead.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Who may not read any more has no use for the channel.</summary>
    private async Task LeaveAtEndAsync()
    {
        await _pump.Ended.ConfigureAwait(false);
        await _session.DisposeAsync().ConfigureAwait(false);
    }

    private void OnBroadcast(in BroadcastView broadcast)
    {
        string name = EventNames.Intern(broadcast.Event);
        if (broadcast.IsBinary || !name.StartsWith("conversation:", StringComparison.Ordinal))
            return;

        if (PayloadReader.TryReadConversation(broadcast.Payload, out ConversationSummary? conversation, out string? error))
            _pump.Offer(conversation);
        else
        {
            _session.ReportUnreadable(name, error);
            _pump.RequestReadSoon();
        }
    }

    private sealed class Sink(Inbox inbox) : IChannelSink
    {
        public void OnBroadcast(in BroadcastView broadcast) => inbox.OnBroadcast(broadcast);

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined() => inbox._pump.OnLive();

        public void OnDatabaseStreaming() => inbox._pump.RequestRead();

        public void OnInterrupted(string reason) => inbox._pump.OnInterrupted(reason);

        public void OnEnded(CampfireException reason) => inbox._pump.End(reason);
    }
}

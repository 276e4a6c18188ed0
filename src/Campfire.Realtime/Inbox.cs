using Campfire.Realtime.Channels;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Rest;

namespace Campfire.Realtime;

/// <summary>The live list of an organization's conversations: what was there at the join, then each change.</summary>
/// <remarks>
/// Thread-safe. Of two versions of a conversation the higher one wins, so a change may be skipped when a newer one is known, but the
/// list always ends at the present. What was missed while disconnected is read from the database.
/// </remarks>
public sealed class Inbox : IAsyncDisposable
{
    private readonly ChannelSession _session;
    private readonly InboxPump _pump;
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isDisposed;

    internal Inbox(Guid organizationId, RpcClient rpc, ChannelServices services)
    {
        OrganizationId = organizationId;
        _pump = new InboxPump(organizationId, rpc, services);
        _session = new ChannelSession(ChannelName.Organization(organizationId), this, new Sink(this), isPresenceEnabled: false, services);
    }

    /// <summary>Gets the organization.</summary>
    public Guid OrganizationId { get; }

    /// <summary>Gets whether changes arrive live at the moment.</summary>
    public bool IsLive => _session.IsJoined;

    /// <summary>Gets the conversations as they are known now, the latest change first.</summary>
    public IReadOnlyList<ConversationSummary> Conversations => _pump.List();

    /// <summary>Reads the changes since the join, one reader at a time.</summary>
    /// <param name="cancellationToken">Ends the reading; a later call goes on where this one stopped.</param>
    /// <returns>A stream that ends when the inbox is left. A slow reader gets each conversation's newest version, not every one.</returns>
    /// <exception cref="CampfireException">The right to read the inbox is gone.</exception>
    public IAsyncEnumerable<ConversationSummary> ReadChangesAsync(CancellationToken cancellationToken = default) => _pump.ReadAsync(cancellationToken);

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
        await _pump.FirstRead.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private void OnBroadcast(in BroadcastView broadcast)
    {
        string name = EventNames.Intern(broadcast.Event);
        if (broadcast.IsBinary || !name.StartsWith("conversation:", StringComparison.Ordinal))
            return;

        if (PayloadReader.TryReadConversation(broadcast.Payload, out ConversationSummary? conversation, out string? error))
            _pump.Offer(conversation);
        else
            _session.ReportUnreadable(name, error);
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

        public void OnJoined() => inbox._pump.RequestRead();

        public void OnDatabaseStreaming() => inbox._pump.RequestRead();

        public void OnInterrupted()
        {
        }

        public void OnEnded(CampfireException reason) => inbox._pump.End(reason);
    }
}

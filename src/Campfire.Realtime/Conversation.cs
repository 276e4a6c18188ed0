using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Rest;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime;

/// <summary>A conversation that the client has joined.</summary>
/// <remarks>
/// Thread-safe. Each stored event reaches <see cref="ReadEventsAsync"/> exactly once and in order, through reconnects, lost and repeated
/// broadcasts and slow readers. The conversation stays joined until it is disposed.
/// </remarks>
public sealed partial class Conversation : IAsyncDisposable
{
    private readonly ChannelSession _session;
    private readonly ConversationPump _pump;
    private readonly MessageSender _sender;
    private readonly SendingServices _sending;
    private readonly RpcClient _rpc;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _position;
    private int _isDisposed;

    internal Conversation(ChannelName name, long cursor, RpcClient rpc, SendingServices sending, ChannelServices services)
    {
        OrganizationId = name.OrganizationId!.Value;
        Id = name.ConversationId!.Value;
        _position = cursor;
        _rpc = rpc;
        _logger = services.Logger;
        _time = services.Options.TimeProvider;
        _pump = new ConversationPump(new ConversationLog(Id, rpc, services.Options, services.Backoff, services.Logger), cursor, services.Options, services.Backoff, services.Connections.Status, services.Logger);
        _sending = sending;
        _sender = new MessageSender(Id, sending, services.Options, services.Backoff, services.Logger, _pump.Announce);
        _session = new ChannelSession(name, this, new Sink(this), isPresenceEnabled: true, services);
        Presence = new ConversationPresence(_session, services);
        Typing = new ConversationTyping(ChannelName.ConversationTyping(OrganizationId, Id), services);
    }

    /// <summary>Gets the organization that the conversation belongs to.</summary>
    public Guid OrganizationId { get; }

    /// <summary>Gets the conversation's identifier.</summary>
    public Guid Id { get; }

    /// <summary>Gets who is typing.</summary>
    public ConversationTyping Typing { get; }

    /// <summary>Gets who is present.</summary>
    public ConversationPresence Presence { get; }

    /// <summary>Gets whether events arrive live at the moment. While they do not, they wait in the log.</summary>
    public bool IsLive => _session.IsJoined;

    /// <summary>Gets how events arrive at the moment: live, or from the log while the channel is away.</summary>
    public DeliveryState State => _pump.State;

    /// <summary>Gets the sequence of the last stored event that the reader is done with: what to pass as <c>resumeAfter</c> another day.</summary>
    /// <value>
    /// Rises when the reader asks for the next event, so an event that was being handled at a crash comes again, and so does the one after
    /// which a loop was left with <c>break</c>.
    /// </value>
    public long Position => Volatile.Read(ref _position);

    /// <summary>Watches how events arrive: the present state first, then each change. The stream ends behind <see cref="DeliveryMode.Ended"/>.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<DeliveryState> WatchStateAsync(CancellationToken cancellationToken = default) => _pump.WatchStateAsync(cancellationToken);

    /// <summary>Reads the conversation's events in order, each stored one once.</summary>
    /// <param name="cancellationToken">Ends the reading; a later call goes on where this one stopped.</param>
    /// <returns>A stream that ends when the conversation is left.</returns>
    /// <exception cref="CampfireException">With code <see cref="CampfireErrorCode.AccessWithdrawn"/>: the right to read the conversation is gone.</exception>
    /// <exception cref="InvalidOperationException">The stream is being read already.</exception>
    public async IAsyncEnumerable<ConversationEvent> ReadEventsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach ((ConversationEvent e, EventSource source) in _pump.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (e is MessageCreated message)
                Instruments.Taken(_time.GetUtcNow() - message.CreatedAt, source);
            yield return e;
            if (e is StoredEvent stored)
                Volatile.Write(ref _position, stored.Sequence);
            else if (e is HistoryGap gap)
                Volatile.Write(ref _position, gap.Last);
        }
    }

    /// <summary>Sends a text, and completes when the database has stored it.</summary>
    /// <param name="content">The text, at most 16,000 characters.</param>
    /// <param name="cancellationToken">Stops trying. Whether the message was stored is then unknown.</param>
    /// <inheritdoc cref="SendMessageAsync(OutgoingMessage, CancellationToken)"/>
    public Task<SentMessage> SendMessageAsync(string content, CancellationToken cancellationToken = default) =>
        SendMessageAsync(new OutgoingMessage(content), cancellationToken);

    /// <summary>Sends a message, and completes when the database has stored it. Messages of one conversation, enqueued ones too, are stored in the order of the calls.</summary>
    /// <param name="message">The message. Sending it again with the same identifier stores it once.</param>
    /// <param name="cancellationToken">Stops trying. Whether the message was stored is then unknown.</param>
    /// <exception cref="CampfireException">
    /// The message was refused; or, with code <see cref="CampfireErrorCode.OutcomeUnknown"/>, no answer that can be read came within
    /// <see cref="CampfireClientOptions.SendTimeout"/>, in which earlier messages of the conversation come first. With an outbox that is every
    /// one that waits there: while one does, each call fails so. See <see cref="CampfireClient.WithdrawMessageAsync"/>. An outbox adds
    /// <see cref="CampfireErrorCode.WrongUser"/>, when it belongs to another user than the access token, and its own failures when it is read
    /// for the first time.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The conversation was left, perhaps meanwhile, or the outbox was disposed.</exception>
    public Task<SentMessage> SendMessageAsync(OutgoingMessage message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        ThrowIfDisposed();
        return _sender.SendAsync(message, cancellationToken);
    }

    /// <summary>Accepts a message, and completes when it is in <see cref="CampfireClientOptions.Outbox"/>: it is sent for as long as it takes.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Gives up before the message is accepted; it has no effect afterwards.</param>
    /// <remarks>As <see cref="CampfireClient.EnqueueMessageAsync"/>. Leaving the conversation does not stop it.</remarks>
    /// <exception cref="CampfireException">The outbox did not accept the message: see <see cref="CampfireException.Code"/>.</exception>
    /// <exception cref="InvalidOperationException">The client has no outbox.</exception>
    public Task EnqueueMessageAsync(OutgoingMessage message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        ThrowIfDisposed();
        return _sending.OutboxOrThrow().EnqueueAsync(Id, message, cancellationToken);
    }

    /// <summary>Reads stored messages, newest first, for scrolling back.</summary>
    /// <param name="before">Only messages with a lower sequence; <see langword="null"/> for the newest.</param>
    /// <param name="limit">How many at most, 1 to 200. The default is 50.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="CampfireException">The database refused or could not be reached.</exception>
    public async Task<IReadOnlyList<MessageCreated>> GetMessagesAsync(long? before = null, int limit = 50, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 200);
        ThrowIfDisposed();
        MessagesPage page = await _rpc.CallAsync(
            "campfire_messages", new MessagesArguments(Id, before, limit),
            RpcJsonContext.Default.MessagesArguments, RpcJsonContext.Default.MessagesPage, cancellationToken).ConfigureAwait(false);
        var messages = new List<MessageCreated>(page.Messages.Count);
        foreach (JsonElement row in page.Messages)
        {
            if (PayloadReader.TryRead(JsonMarshal.GetRawUtf8Value(row), RpcJsonContext.Default.MessageCreated, out MessageCreated? message, out string? error))
                messages.Add(message);
            else
                LogUnreadableMessage(Id, error);
        }

        return messages;
    }

    /// <summary>Says that the caller has read the conversation up to a sequence. Others get a <see cref="ReadReceipt"/>.</summary>
    /// <param name="through">The sequence; a lower one than before changes nothing.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="CampfireException">The database refused or could not be reached.</exception>
    public Task<ReadReceipt> MarkReadAsync(long through, CancellationToken cancellationToken = default) => MarkAsync(through, through, cancellationToken);

    /// <summary>Says that events up to a sequence have arrived at the caller. Others get a <see cref="ReadReceipt"/>.</summary>
    /// <param name="through">The sequence; a lower one than before changes nothing.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="CampfireException">The database refused or could not be reached.</exception>
    public Task<ReadReceipt> MarkDeliveredAsync(long through, CancellationToken cancellationToken = default) => MarkAsync(through, null, cancellationToken);

    /// <summary>Leaves the conversation and ends its streams. Calling it again waits until it is left.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            await _left.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await _sender.DisposeAsync().ConfigureAwait(false);
            await _pump.DisposeAsync().ConfigureAwait(false);
            await Typing.DisposeAsync().ConfigureAwait(false);
            await _session.DisposeAsync().ConfigureAwait(false);
            Presence.Complete(null);
        }
        finally
        {
            _left.SetResult();
        }
    }

    internal async Task JoinAsync(CancellationToken cancellationToken)
    {
        _pump.Start();
        await _session.JoinAsync(cancellationToken).ConfigureAwait(false);
        _ = LeaveAtEndAsync();
    }

    /// <summary>Who may not read any more has no use for the channels.</summary>
    private async Task LeaveAtEndAsync()
    {
        await _pump.Ended.ConfigureAwait(false);
        await Typing.DisposeAsync().ConfigureAwait(false);
        await _session.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<ReadReceipt> MarkAsync(long delivered, long? read, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(delivered);
        ThrowIfDisposed();
        return await _rpc.CallAsync(
            "campfire_mark", new MarkArguments(Id, delivered, read), RpcJsonContext.Default.MarkArguments, RpcJsonContext.Default.ReadReceipt, cancellationToken).ConfigureAwait(false);
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);

    private void OnBroadcast(in BroadcastView broadcast)
    {
        if (broadcast.IsBinary)
            return;

        string name = EventNames.Intern(broadcast.Event);
        if (!PayloadReader.TryReadConversationEvent(name, broadcast.Payload, out ConversationEvent? e, out string? error))
        {
            _session.ReportUnreadable(name, error);
            _pump.RequestCatchUpSoon();
        }
        else if (e.ConversationId == Id)
            _pump.Offer(e);
        else if (e is UnknownStoredEvent unknown)
            _pump.Offer(unknown with { ConversationId = Id });
    }

    [LoggerMessage(1211, LogLevel.Error, "The history of {ConversationId} holds an unreadable message: {Error}")]
    private partial void LogUnreadableMessage(Guid conversationId, string error);

    private sealed class Sink(Conversation conversation) : IChannelSink
    {
        public void OnBroadcast(in BroadcastView broadcast) => conversation.OnBroadcast(broadcast);

        public void OnPresenceState(ReadOnlySpan<byte> json) => conversation.Presence.OnState(json);

        public void OnPresenceDiff(ReadOnlySpan<byte> json) => conversation.Presence.OnDiff(json);

        public void OnJoined()
        {
            conversation._pump.OnLive();
            conversation.Presence.OnJoined();
        }

        public void OnDatabaseStreaming() => conversation._pump.RequestCatchUp();

        public void OnInterrupted(string reason)
        {
            conversation._pump.OnInterrupted(reason);
            conversation.Presence.OnInterrupted();
        }

        public void OnEnded(CampfireException reason)
        {
            conversation._pump.End(reason);
            conversation.Presence.Complete(reason);
        }
    }
}

using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Outbox;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Campfire.Realtime;

/// <summary>A user's or visitor's connection to Supabase Realtime.</summary>
/// <remarks>
/// Thread-safe; one instance for each user. The constructor stores, <see cref="ConnectAsync"/> connects, and from then on the client
/// reconnects by itself and brings back everything that was joined, until it is disposed.
/// </remarks>
public sealed class CampfireClient : IAsyncDisposable
{
    private readonly CampfireClientOptions _options;
    private readonly ChannelRegistry _registry;
    private readonly AccessTokenSource _tokens;
    private readonly ConnectionPool _connections;
    private readonly ChannelServices _services;
    private readonly HttpMessageHandler? _ownHandler;
    private readonly HttpClient _http;
    private readonly RpcClient _rpc;
    private readonly SendingServices _sending;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isDisposed;

    /// <summary>Initializes a client. Nothing is sent before <see cref="ConnectAsync"/>.</summary>
    /// <param name="options">The options. They are copied: later changes have no effect.</param>
    /// <exception cref="ArgumentException">An option is missing or out of its range; the message names it.</exception>
    public CampfireClient(CampfireClientOptions options)
        : this(options, static () => new WebSocketRealtimeSocket())
    {
    }

    /// <summary>Initializes a client with options from a container.</summary>
    /// <param name="options">The options.</param>
    /// <param name="loggerFactory">Where the client logs, unless the options name another factory.</param>
    /// <exception cref="ArgumentException">An option is missing or out of its range; the message names it.</exception>
    public CampfireClient(IOptions<CampfireClientOptions> options, ILoggerFactory? loggerFactory = null)
        : this(WithLogging(options, loggerFactory))
    {
    }

    internal CampfireClient(CampfireClientOptions options, Func<IRealtimeSocket> newSocket)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.CheckedCopy();
        ILogger logger = (_options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger<CampfireClient>();
        var backoff = new Backoff(
            _options.ReconnectBaseDelay, _options.ReconnectMaxDelay, _options.JitterSeed is { } seed ? new Random(seed) : new Random());
        _tokens = new AccessTokenSource(_options.AccessToken, _options.TimeProvider, _options.RequestTimeout);
        RealtimeBudget budget = _options.Budget ?? new RealtimeBudget(timeProvider: _options.TimeProvider);
        _registry = new ChannelRegistry(budget);
        _connections = new ConnectionPool(_options, newSocket, _registry, backoff, logger);
        _services = new ChannelServices(_options, _connections, _registry, _tokens, backoff, budget, logger);

        // A pooled connection that lives for ever would never see a changed address of the server.
        _ownHandler = _options.HttpMessageHandler is not null ? null
            : OperatingSystem.IsBrowser() ? new HttpClientHandler()
            : new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), UseCookies = false };
        _http = new HttpClient(_options.HttpMessageHandler ?? _ownHandler!, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _rpc = new RpcClient(_http, _options.RpcUrl(), _options.ApiKey!, _tokens, _options.RequestTimeout, _options.TimeProvider);

        var store = new MessageStore(_rpc, _options.Outbox?.Owner);
        var order = new ConversationOrder();
        _sending = new SendingServices(
            store, order, _options.Outbox is { } outbox ? new OutboxSender(outbox, store, order, _tokens, backoff, _options.TimeProvider, logger) : null);
    }

    /// <summary>Gets the state of the connection.</summary>
    public CampfireStatus Status => _connections.Status.Current;

    /// <summary>How many replies the client waits for at the moment.</summary>
    internal int PendingReplies => _connections.PendingReplies;

    /// <summary>Watches the state of the connection: the present one first, then each change. The stream ends when the client is disposed.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<CampfireStatus> WatchStatusAsync(CancellationToken cancellationToken = default) => _connections.Status.WatchAsync(cancellationToken);

    /// <summary>Connects, and completes when the server agreed. Calling it while connected does nothing.</summary>
    /// <param name="cancellationToken">Ends the wait. The client goes on trying until it is disposed.</param>
    /// <exception cref="CampfireException">The server refused the API key, or there was no connection within <see cref="CampfireClientOptions.ConnectTimeout"/>.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    /// <remarks>From here on what is in <see cref="CampfireClientOptions.Outbox"/> is sent, also while there is no connection.</remarks>
    public Task ConnectAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        _sending.Outbox?.Start();
        return _connections.ConnectAsync(cancellationToken);
    }

    /// <summary>Says that the network has changed or the machine has woken up: what is connected is proved within two seconds, and a waiting attempt starts at once.</summary>
    /// <remarks>
    /// Call it from <see cref="System.Net.NetworkInformation.NetworkChange.NetworkAddressChanged"/> or the platform's own notice. Without it a
    /// dead connection is noticed after <see cref="CampfireClientOptions.HeartbeatInterval"/> and <see cref="CampfireClientOptions.HeartbeatTimeout"/>.
    /// Call it when something has changed and not on a timer: each call costs a frame, and while disconnected an attempt to connect.
    /// </remarks>
    public void NotifyNetworkChanged() => _connections.OnNetworkChanged();

    /// <summary>Accepts a message, and completes when it is in <see cref="CampfireClientOptions.Outbox"/>: it is sent for as long as it takes.</summary>
    /// <param name="conversationId">The conversation, which need not be joined.</param>
    /// <param name="message">
    /// The message. The same one again, while it waits, is accepted once; while it is being withdrawn, behind its withdrawal.
    /// </param>
    /// <param name="cancellationToken">Gives up before the message is accepted; it has no effect afterwards.</param>
    /// <remarks>
    /// <para>
    /// Needs no connection, and may be called before <see cref="ConnectAsync"/>, which begins to send. What an earlier run of the program left
    /// behind goes first. Messages of one conversation are stored in the order of the calls, and up to four conversations are sent at once.
    /// </para>
    /// <para>
    /// A transient failure, and a missing, refused or another user's token, is waited for without limit; a message that the database refuses
    /// is dropped. <see cref="ReadSendResultsAsync"/> tells of both. Disposing the client stops the sending and loses nothing. While a message
    /// waits, all later ones of its conversation wait behind it, and <see cref="Conversation.SendMessageAsync(OutgoingMessage, CancellationToken)"/>
    /// fails after its <see cref="CampfireClientOptions.SendTimeout"/>; <see cref="WithdrawMessageAsync"/> gives it up.
    /// </para>
    /// </remarks>
    /// <exception cref="CampfireException">
    /// The outbox did not accept the message: it is full, its disk failed, it belongs to another user than the access token, or it holds another
    /// message with the same identifier; or its disk failed so that nobody knows (<see cref="CampfireErrorCode.OutcomeUnknown"/>). Calling again
    /// with the same message is safe.
    /// </exception>
    /// <exception cref="InvalidOperationException">The client has no outbox.</exception>
    /// <exception cref="ObjectDisposedException">The client or its outbox was disposed.</exception>
    public Task EnqueueMessageAsync(Guid conversationId, OutgoingMessage message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        return _sending.OutboxOrThrow().EnqueueAsync(conversationId, message, cancellationToken);
    }

    /// <summary>Gives up a message that waits in <see cref="CampfireClientOptions.Outbox"/>, and completes when it is out of it for good.</summary>
    /// <param name="messageId">The message's identifier.</param>
    /// <param name="cancellationToken">Ends the wait. The withdrawal goes on.</param>
    /// <returns>
    /// Whether it was waiting and is withdrawn; then no result of it comes. <see langword="false"/> when the outbox does not hold it, or when a
    /// request that was under way has stored it or found it refused.
    /// </returns>
    /// <remarks>
    /// A request that is under way is waited for. An earlier one whose answer was lost may have stored the message nevertheless: then it is in the
    /// conversation, although it was withdrawn.
    /// </remarks>
    /// <exception cref="CampfireException">The outbox could not be read.</exception>
    /// <exception cref="InvalidOperationException">The client has no outbox.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed, perhaps meanwhile: then the message may still be in the outbox.</exception>
    public Task<bool> WithdrawMessageAsync(Guid messageId, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        return _sending.OutboxOrThrow().WithdrawAsync(messageId, cancellationToken);
    }

    /// <summary>Reads what becomes of the messages from the outbox.</summary>
    /// <param name="cancellationToken">Ends the reading; a later call goes on where this one stopped.</param>
    /// <returns>A stream that ends when the client is disposed. It holds 1,024 results for its reader; beyond that the oldest are dropped.</returns>
    /// <remarks>
    /// Each result comes as soon as it is certain, which need not be in the order of the messages; that is <see cref="SentMessage.Sequence"/>.
    /// A message is in no outbox any more when its <see cref="SendOutcome.Stored"/> or <see cref="SendOutcome.Refused"/> comes. A program
    /// that ends in between does not get to see the result; the conversation itself is the record.
    /// </remarks>
    /// <exception cref="InvalidOperationException">The client has no outbox, or the stream is being read already.</exception>
    public IAsyncEnumerable<SendResult> ReadSendResultsAsync(CancellationToken cancellationToken = default) =>
        _sending.OutboxOrThrow().ReadResultsAsync(cancellationToken);

    /// <summary>Joins a conversation, and completes when the server agreed.</summary>
    /// <param name="organizationId">The organization that the conversation belongs to.</param>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="resumeAfter">
    /// The sequence of the last event that is already known: the stream begins behind it, 0 for the whole conversation. The default,
    /// <see langword="null"/>, begins with what happens from this call on; earlier messages are in <see cref="Conversation.GetMessagesAsync"/>.
    /// </param>
    /// <param name="cancellationToken">Gives up. A transient failure is otherwise tried again without limit.</param>
    /// <exception cref="CampfireException">The server refused: see <see cref="CampfireException.Code"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="resumeAfter"/> is negative or beyond the end of the conversation.</exception>
    /// <exception cref="InvalidOperationException">The client was not connected, or has joined the conversation already.</exception>
    public async Task<Conversation> JoinConversationAsync(
        Guid organizationId, Guid conversationId, long? resumeAfter = null, CancellationToken cancellationToken = default)
    {
        ChannelName name = ChannelName.Conversation(organizationId, conversationId);
        ArgumentOutOfRangeException.ThrowIfNegative(resumeAfter ?? 0, nameof(resumeAfter));
        ThrowIfNotConnected();

        // Read before the join: what is stored from here on comes through the stream, and a stranger is refused at once.
        var log = new ConversationLog(conversationId, _rpc, _options, _services.Backoff, _services.Logger);
        long end = await log.ReadLastSequenceAsync(cancellationToken).ConfigureAwait(false);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(resumeAfter ?? 0, end, nameof(resumeAfter));

        var conversation = new Conversation(name, resumeAfter ?? end, _rpc, _sending, _services);
        await JoinOrDisposeAsync(conversation, conversation.JoinAsync(cancellationToken)).ConfigureAwait(false);
        return conversation;
    }

    /// <summary>Joins a conversation from this call on, and completes when the server agreed.</summary>
    /// <inheritdoc cref="JoinConversationAsync(Guid, Guid, long?, CancellationToken)"/>
    public Task<Conversation> JoinConversationAsync(Guid organizationId, Guid conversationId, CancellationToken cancellationToken) =>
        JoinConversationAsync(organizationId, conversationId, null, cancellationToken);

    /// <summary>Joins the live list of an organization's conversations, and completes when the list is there.</summary>
    /// <param name="organizationId">The organization, of which the caller must be a member.</param>
    /// <param name="options">How many conversations the list holds; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Gives up. A transient failure is otherwise tried again without limit.</param>
    /// <exception cref="CampfireException">The server refused: see <see cref="CampfireException.Code"/>.</exception>
    /// <exception cref="InvalidOperationException">The client was not connected, or has joined <c>org:{organizationId}</c> already.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public async Task<Inbox> JoinInboxAsync(Guid organizationId, InboxOptions? options = null, CancellationToken cancellationToken = default)
    {
        int limit = options?.CheckedLimit() ?? InboxOptions.DefaultLimit;
        ThrowIfNotConnected();
        var inbox = new Inbox(organizationId, limit, _rpc, _services);
        await JoinOrDisposeAsync(inbox, inbox.JoinAsync(cancellationToken)).ConfigureAwait(false);
        return inbox;
    }

    /// <summary>Joins the live list with the default options, and completes when the list is there.</summary>
    /// <inheritdoc cref="JoinInboxAsync(Guid, InboxOptions?, CancellationToken)"/>
    public Task<Inbox> JoinInboxAsync(Guid organizationId, CancellationToken cancellationToken) => JoinInboxAsync(organizationId, null, cancellationToken);

    /// <summary>Joins any channel of the naming standard, and completes when the server agreed.</summary>
    /// <param name="name">The channel.</param>
    /// <param name="cancellationToken">Gives up. A transient failure is otherwise tried again without limit.</param>
    /// <exception cref="CampfireException">The server refused: see <see cref="CampfireException.Code"/>.</exception>
    /// <exception cref="InvalidOperationException">The client was not connected, or has joined the channel already.</exception>
    public async Task<BroadcastChannel> JoinChannelAsync(ChannelName name, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ThrowIfNotConnected();
        var channel = new BroadcastChannel(name, _services);
        await JoinOrDisposeAsync(channel, channel.JoinAsync(cancellationToken)).ConfigureAwait(false);
        return channel;
    }

    /// <summary>Leaves every channel, closes the connection and ends all streams. Calling it again waits until all that is done.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            await _closed.Task.ConfigureAwait(false);
            return;
        }

        // Whatever goes wrong with one of them, the others go as well.
        try
        {
            if (_sending.Outbox is { } outbox)
                await outbox.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            try
            {
                await Task.WhenAll(_registry.Sessions.Select(session => session.Owner.DisposeAsync().AsTask())).ConfigureAwait(false);
            }
            finally
            {
                await _connections.DisposeAsync().ConfigureAwait(false);
                _http.Dispose();
                _ownHandler?.Dispose();
                _closed.SetResult();
            }
        }
    }

    private static CampfireClientOptions WithLogging(IOptions<CampfireClientOptions> options, ILoggerFactory? loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(options);
        CampfireClientOptions copy = options.Value.CheckedCopy();
        copy.LoggerFactory ??= loggerFactory;
        return copy;
    }

    private static async Task JoinOrDisposeAsync(IAsyncDisposable joining, Task join)
    {
        try
        {
            await join.ConfigureAwait(false);
        }
        catch
        {
            await joining.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private void ThrowIfNotConnected()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        if (!_connections.IsStarted)
            throw new InvalidOperationException("The client is not connected. Await ConnectAsync before the first join.");
    }
}

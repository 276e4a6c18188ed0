using Campfire.Realtime.Channels;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Delivery;
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
    private readonly ChannelRegistry _registry = new();
    private readonly AccessTokenSource _tokens;
    private readonly ConnectionLoop _connection;
    private readonly ChannelServices _services;
    private readonly HttpMessageHandler? _ownHandler;
    private readonly HttpClient _http;
    private readonly RpcClient _rpc;
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
        _tokens = new AccessTokenSource(_options.AccessToken, _options.TimeProvider);
        _connection = new ConnectionLoop(_options, newSocket, _registry, backoff, logger);
        _services = new ChannelServices(_options, _connection, _registry, _tokens, backoff, logger);

        // A pooled connection that lives for ever would never see a changed address of the server.
        _ownHandler = _options.HttpMessageHandler is not null ? null
            : OperatingSystem.IsBrowser() ? new HttpClientHandler()
            : new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), UseCookies = false };
        _http = new HttpClient(_options.HttpMessageHandler ?? _ownHandler!, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _rpc = new RpcClient(_http, _options.RpcUrl(), _options.ApiKey!, _tokens, _options.RequestTimeout, _options.TimeProvider);
    }

    /// <summary>Gets the state of the connection.</summary>
    public CampfireStatus Status => _connection.Status.Current;

    /// <summary>How many replies the client waits for at the moment.</summary>
    internal int PendingReplies => _connection.PendingReplies;

    /// <summary>Watches the state of the connection: the present one first, then each change. The stream ends when the client is disposed.</summary>
    /// <param name="cancellationToken">Ends the watching.</param>
    public IAsyncEnumerable<CampfireStatus> WatchStatusAsync(CancellationToken cancellationToken = default) => _connection.Status.WatchAsync(cancellationToken);

    /// <summary>Connects, and completes when the server agreed. Calling it while connected does nothing.</summary>
    /// <param name="cancellationToken">Ends the wait. The client goes on trying until it is disposed.</param>
    /// <exception cref="CampfireException">The server refused the API key, or there was no connection within <see cref="CampfireClientOptions.ConnectTimeout"/>.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task ConnectAsync(CancellationToken cancellationToken = default) => _connection.ConnectAsync(cancellationToken);

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

        var conversation = new Conversation(name, resumeAfter ?? end, _rpc, _services);
        await JoinOrDisposeAsync(conversation, conversation.JoinAsync(cancellationToken)).ConfigureAwait(false);
        return conversation;
    }

    /// <summary>Joins a conversation from this call on, and completes when the server agreed.</summary>
    /// <inheritdoc cref="JoinConversationAsync(Guid, Guid, long?, CancellationToken)"/>
    public Task<Conversation> JoinConversationAsync(Guid organizationId, Guid conversationId, CancellationToken cancellationToken) =>
        JoinConversationAsync(organizationId, conversationId, null, cancellationToken);

    /// <summary>Joins the live list of an organization's conversations, and completes when the list is there.</summary>
    /// <param name="organizationId">The organization, of which the caller must be a member.</param>
    /// <param name="cancellationToken">Gives up. A transient failure is otherwise tried again without limit.</param>
    /// <exception cref="CampfireException">The server refused: see <see cref="CampfireException.Code"/>.</exception>
    /// <exception cref="InvalidOperationException">The client was not connected, or has joined <c>org:{organizationId}</c> already.</exception>
    public async Task<Inbox> JoinInboxAsync(Guid organizationId, CancellationToken cancellationToken = default)
    {
        ThrowIfNotConnected();
        var inbox = new Inbox(organizationId, _rpc, _services);
        await JoinOrDisposeAsync(inbox, inbox.JoinAsync(cancellationToken)).ConfigureAwait(false);
        return inbox;
    }

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

    /// <summary>Leaves every channel, closes the connection and ends all streams. Calling it again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;

        await Task.WhenAll(_registry.Sessions.Select(session => session.Owner.DisposeAsync().AsTask())).ConfigureAwait(false);
        await _connection.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
        _ownHandler?.Dispose();
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
        if (!_connection.IsStarted)
            throw new InvalidOperationException("The client is not connected. Await ConnectAsync before the first join.");
    }
}

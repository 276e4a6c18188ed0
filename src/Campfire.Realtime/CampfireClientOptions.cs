using Microsoft.Extensions.Logging;

namespace Campfire.Realtime;

/// <summary>Options of a client. They are checked and copied once, by its constructor.</summary>
public sealed class CampfireClientOptions
{
    /// <summary>The default of <see cref="HeartbeatInterval"/>.</summary>
    public static readonly TimeSpan DefaultHeartbeatInterval = TimeSpan.FromSeconds(15);

    /// <summary>The default of <see cref="HeartbeatTimeout"/>.</summary>
    public static readonly TimeSpan DefaultHeartbeatTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The default of <see cref="ConnectTimeout"/> and <see cref="SendTimeout"/>.</summary>
    public static readonly TimeSpan DefaultOperationTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The default of <see cref="JoinTimeout"/> and <see cref="RequestTimeout"/>.</summary>
    public static readonly TimeSpan DefaultReplyTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The default of <see cref="ReconnectBaseDelay"/>.</summary>
    public static readonly TimeSpan DefaultReconnectBaseDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>The default of <see cref="ReconnectMaxDelay"/>.</summary>
    public static readonly TimeSpan DefaultReconnectMaxDelay = TimeSpan.FromSeconds(30);

    /// <summary>The default of <see cref="IdleTimeout"/>.</summary>
    public static readonly TimeSpan DefaultIdleTimeout = TimeSpan.FromSeconds(30);

    /// <summary>The default of <see cref="GapHoldTime"/>.</summary>
    public static readonly TimeSpan DefaultGapHoldTime = TimeSpan.FromMilliseconds(150);

    /// <summary>The default of <see cref="TailCheckInterval"/>.</summary>
    public static readonly TimeSpan DefaultTailCheckInterval = TimeSpan.FromSeconds(60);

    /// <summary>The default of <see cref="PollAfter"/>.</summary>
    public static readonly TimeSpan DefaultPollAfter = TimeSpan.FromSeconds(5);

    /// <summary>The default of <see cref="PollInterval"/>.</summary>
    public static readonly TimeSpan DefaultPollInterval = TimeSpan.FromSeconds(3);

    /// <summary>The default of <see cref="MaxChannelsPerConnection"/>, which is Realtime's own limit on every plan.</summary>
    public const int DefaultMaxChannelsPerConnection = 100;

    /// <summary>The default of <see cref="EventBufferSize"/>.</summary>
    public const int DefaultEventBufferSize = 1024;

    /// <summary>Gets or sets the project's URL, for example <c>https://project.supabase.co</c>. Required.</summary>
    public Uri? Url { get; set; }

    /// <summary>Gets or sets the publishable (or legacy <c>anon</c>) key of the project. Required.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Gets or sets where the access token comes from.</summary>
    /// <value>
    /// Asked before every join, before the token expires and after a refusal. The default is <see langword="null"/>: the API key
    /// speaks for the caller, which no channel of the naming standard accepts. May be called from several threads, never at once:
    /// channels that need a token while it runs share the answer of its next call.
    /// </value>
    /// <remarks>
    /// <para>When it throws, or any inner exception is, <see cref="HttpRequestException"/> (without a status, or with one of 408, 429 and
    /// 5xx), <see cref="System.Net.Sockets.SocketException"/>, <see cref="IOException"/>, <see cref="TimeoutException"/> or a cancellation,
    /// it is asked again later. Any other exception, and an empty token, means that there is no token any more. What was joined goes on
    /// until its present token ends, and asks again until then; after that it ends with <see cref="CampfireErrorCode.InvalidToken"/>,
    /// and so does at once what has to be joined.</para>
    /// <para>Its cancellation token is cancelled after <see cref="RequestTimeout"/>, and when nobody needs the answer any more. Where it
    /// does not return, those who wait are told <see cref="CampfireErrorCode.Timeout"/> and try again; it is entered again once it has
    /// returned.</para>
    /// </remarks>
    public Func<CancellationToken, ValueTask<string>>? AccessToken { get; set; }

    /// <summary>Gets or sets where Realtime is reached, when it is not at <c>/realtime/v1</c> of <see cref="Url"/>.</summary>
    /// <value>Schemes ws, wss, http and https; <c>/websocket</c> is added where it is missing.</value>
    public Uri? RealtimeUrl { get; set; }

    /// <summary>Gets or sets where PostgREST is reached, when it is not at <c>/rest/v1</c> of <see cref="Url"/>.</summary>
    public Uri? RestUrl { get; set; }

    /// <summary>Gets or sets how often the connection is probed.</summary>
    /// <value>The default is 15 s; 1 s to 50 s, because Realtime closes a connection after 60 s of silence.</value>
    public TimeSpan HeartbeatInterval { get; set; } = DefaultHeartbeatInterval;

    /// <summary>Gets or sets how long a probe may stay without any sign of life.</summary>
    /// <value>The default is 5 s; 100 ms to 60 s.</value>
    public TimeSpan HeartbeatTimeout { get; set; } = DefaultHeartbeatTimeout;

    /// <summary>Gets or sets how long <c>ConnectAsync</c> keeps trying.</summary>
    /// <value>The default is 30 s; 100 ms to 1 h. Once connected, the client reconnects without limit.</value>
    public TimeSpan ConnectTimeout { get; set; } = DefaultOperationTimeout;

    /// <summary>Gets or sets how long one join may stay unanswered before it is tried again.</summary>
    /// <value>The default is 10 s; 100 ms to 1 h. Realtime answers a refused join after 5 s.</value>
    public TimeSpan JoinTimeout { get; set; } = DefaultReplyTimeout;

    /// <summary>Gets or sets how long one HTTP request, or one call of <see cref="AccessToken"/>, may take.</summary>
    /// <value>The default is 10 s; 100 ms to 1 h.</value>
    public TimeSpan RequestTimeout { get; set; } = DefaultReplyTimeout;

    /// <summary>Gets or sets how long a message is sent again after transient failures.</summary>
    /// <value>The default is 30 s; 100 ms to 1 h.</value>
    public TimeSpan SendTimeout { get; set; } = DefaultOperationTimeout;

    /// <summary>Gets or sets the largest possible first delay before a new attempt; it doubles with each one.</summary>
    /// <value>The default is 500 ms; 1 ms to 1 h. The actual delay is drawn evenly between zero and that.</value>
    public TimeSpan ReconnectBaseDelay { get; set; } = DefaultReconnectBaseDelay;

    /// <summary>Gets or sets the largest possible delay before a new attempt.</summary>
    /// <value>The default is 30 s; not below <see cref="ReconnectBaseDelay"/>, at most 1 h.</value>
    public TimeSpan ReconnectMaxDelay { get; set; } = DefaultReconnectMaxDelay;

    /// <summary>Gets or sets how long a connection stays open after its last channel was left.</summary>
    /// <value>The default is 30 s; 1 ms to 1 h. The next join opens it again.</value>
    public TimeSpan IdleTimeout { get; set; } = DefaultIdleTimeout;

    /// <summary>Gets or sets how many channels share a connection; more open further ones.</summary>
    /// <value>The default is 100; 1 to 10,000. Realtime refuses a join beyond the limit of the project.</value>
    public int MaxChannelsPerConnection { get; set; } = DefaultMaxChannelsPerConnection;

    /// <summary>Gets or sets what the client may use of the project's limits.</summary>
    /// <value>The default is <see langword="null"/>: a budget of the client's own, for <see cref="RealtimePlan.Free"/>. Share one among all clients of a process.</value>
    public RealtimeBudget? Budget { get; set; }

    /// <summary>Gets or sets how long a later event waits for a missing earlier one before the log is read.</summary>
    /// <value>The default is 150 ms; 1 ms to 60 s.</value>
    public TimeSpan GapHoldTime { get; set; } = DefaultGapHoldTime;

    /// <summary>Gets or sets how often a quiet conversation is compared with its log.</summary>
    /// <value>The default is 60 s, drawn ± 20 %; 100 ms to 1 h.</value>
    public TimeSpan TailCheckInterval { get; set; } = DefaultTailCheckInterval;

    /// <summary>Gets or sets how long a conversation or an inbox is without a live channel before it polls the database instead.</summary>
    /// <value>The default is 5 s; 100 ms to 1 h. It counts from the loss of the channel, not from the join.</value>
    public TimeSpan PollAfter { get; set; } = DefaultPollAfter;

    /// <summary>Gets or sets how often the database is polled while the channel is away.</summary>
    /// <value>The default is 3 s, drawn ± 20 %; 100 ms to 1 h. After a failure it is polled less often.</value>
    public TimeSpan PollInterval { get; set; } = DefaultPollInterval;

    /// <summary>Gets or sets how many events of one conversation or channel wait for their reader.</summary>
    /// <value>The default is 1,024; 1 to 1,000,000. A conversation loses nothing beyond it: the rest is read from the log later.</value>
    public int EventBufferSize { get; set; } = DefaultEventBufferSize;

    /// <summary>Gets or sets where messages wait that were accepted and are not stored yet, for example a <see cref="FileOutbox"/>.</summary>
    /// <value>
    /// The default is <see langword="null"/>: none, and <see cref="CampfireClient.EnqueueMessageAsync"/> cannot be used. One client at a time
    /// uses an outbox, for the user that it belongs to. The client does not dispose it.
    /// </value>
    public IOutbox? Outbox { get; set; }

    /// <summary>Gets or sets the seed of all jitter, for tests that repeat themselves.</summary>
    /// <value>The default is <see langword="null"/>: a seed from the system.</value>
    public int? JitterSeed { get; set; }

    /// <summary>Gets or sets the handler of all HTTP requests, for proxies and tests.</summary>
    /// <value>The default is <see langword="null"/>: a pooled handler of the client's own. A handler set here is not disposed.</value>
    public HttpMessageHandler? HttpMessageHandler { get; set; }

    /// <summary>Gets or sets the clock.</summary>
    /// <value>The default is <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Gets or sets where the client logs. Tokens, keys and payloads are never logged.</summary>
    /// <value>The default is <see langword="null"/>: nowhere.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    internal CampfireClientOptions CheckedCopy()
    {
        if (Url is not { IsAbsoluteUri: true, Scheme: "http" or "https" })
            throw new ArgumentException("Set Url to the project's address, for example https://project.supabase.co.");
        if (string.IsNullOrWhiteSpace(ApiKey))
            throw new ArgumentException("Set ApiKey to the project's publishable key (Supabase dashboard, API keys).");
        if (ApiKey.StartsWith("sb_secret_", StringComparison.Ordinal))
            throw new ArgumentException("ApiKey holds a secret key, which bypasses every policy. Clients use the publishable key.");
        if (ApiKey.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new ArgumentException("ApiKey holds a blank, a line break or another character that no key has. Was it read from a file with its line end?");
        CheckScheme(RealtimeUrl, nameof(RealtimeUrl), "ws", "wss", "http", "https");
        CheckScheme(RestUrl, nameof(RestUrl), "http", "https");

        var hour = TimeSpan.FromHours(1);
        var tenth = TimeSpan.FromMilliseconds(100);
        CheckRange(HeartbeatInterval, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(50), nameof(HeartbeatInterval));
        CheckRange(HeartbeatTimeout, tenth, TimeSpan.FromSeconds(60), nameof(HeartbeatTimeout));
        CheckRange(ConnectTimeout, tenth, hour, nameof(ConnectTimeout));
        CheckRange(JoinTimeout, tenth, hour, nameof(JoinTimeout));
        CheckRange(RequestTimeout, tenth, hour, nameof(RequestTimeout));
        CheckRange(SendTimeout, tenth, hour, nameof(SendTimeout));
        CheckRange(ReconnectBaseDelay, TimeSpan.FromMilliseconds(1), hour, nameof(ReconnectBaseDelay));
        CheckRange(ReconnectMaxDelay, ReconnectBaseDelay, hour, nameof(ReconnectMaxDelay));
        CheckRange(IdleTimeout, TimeSpan.FromMilliseconds(1), hour, nameof(IdleTimeout));
        if (MaxChannelsPerConnection is < 1 or > 10_000)
            throw new ArgumentException($"{nameof(MaxChannelsPerConnection)} is {MaxChannelsPerConnection}; it ranges from 1 to 10,000.");
        CheckRange(GapHoldTime, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(60), nameof(GapHoldTime));
        CheckRange(TailCheckInterval, tenth, hour, nameof(TailCheckInterval));
        CheckRange(PollAfter, tenth, hour, nameof(PollAfter));
        CheckRange(PollInterval, tenth, hour, nameof(PollInterval));
        if (EventBufferSize is < 1 or > 1_000_000)
            throw new ArgumentException($"{nameof(EventBufferSize)} is {EventBufferSize}; it ranges from 1 to 1,000,000.");
        if (Outbox is not null && string.IsNullOrWhiteSpace(Outbox.Owner))
            throw new ArgumentException("The Outbox has no Owner. State the user whose messages it holds, the subject (sub) of the access tokens.");
        if (Outbox is not null && AccessToken is null)
            throw new ArgumentException("An Outbox belongs to a user, and without AccessToken there is none. Set both.");
        ArgumentNullException.ThrowIfNull(TimeProvider);
        return (CampfireClientOptions)MemberwiseClone();
    }

    internal Uri SocketUrl()
    {
        Uri address = RealtimeUrl ?? Below(Url!, "realtime/v1");
        string path = address.AbsolutePath.TrimEnd('/');
        return new UriBuilder(address)
        {
            Scheme = address.Scheme is "https" or "wss" ? "wss" : "ws",
            Path = path.EndsWith("/websocket", StringComparison.Ordinal) ? path : path + "/websocket",
            Query = $"apikey={Uri.EscapeDataString(ApiKey!)}&vsn=2.0.0",
        }.Uri;
    }

    internal Uri RpcUrl() => Below(RestUrl ?? Below(Url!, "rest/v1"), "rpc/");

    private static Uri Below(Uri address, string path) => new(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/" + path);

    private static void CheckScheme(Uri? address, string name, params ReadOnlySpan<string> schemes)
    {
        if (address is null || (address.IsAbsoluteUri && schemes.Contains(address.Scheme)))
            return;

        throw new ArgumentException($"{name} is no absolute address with one of the schemes {string.Join(", ", schemes!)}.");
    }

    private static void CheckRange(TimeSpan value, TimeSpan min, TimeSpan max, string name)
    {
        if (value < min || value > max)
            throw new ArgumentException($"{name} is {value}; it ranges from {min} to {max}.");
    }
}

using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.Emulator.Faults;
using Campfire.Realtime.Emulator.Realtime;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator;

/// <summary>Faults on request: each is deterministic, and recorded when it takes effect.</summary>
/// <remarks>
/// <para>
/// Members may be used from any thread, and faults may be combined. <see cref="Clear"/> ends them all, as a test should
/// that leaves the emulator to the next one.
/// </para>
/// <para>
/// A broadcast is one message to one topic that has a member, however many members receive it: a push on a WebSocket,
/// text or binary, one message of a REST request, or one row that the database sends. A fault hits it for all members
/// alike. Broadcasts without an audience and the rows that a join asked to have replayed are none and use no fault up.
/// <see cref="LoseNextBroadcasts"/>, <see cref="DuplicateNextBroadcasts"/> and <see cref="ReorderNextBroadcasts"/> are
/// used up in the order in which they were requested, one for each broadcast.
/// </para>
/// </remarks>
public sealed partial class EmulatorFaults
{
    private const int MaxCount = 1_000_000;
    private static readonly TimeSpan _maxDuration = TimeSpan.FromDays(1);

    private readonly FaultLog _log;
    private readonly BroadcastFaults _broadcasts;
    private readonly TopicHub _hub;
    private readonly SocketRegistry _sockets;
    private readonly EmulatorDatabase _database;
    private readonly MessageStream _stream;
    private readonly ILogger _logger;
    private readonly NetworkFaults _network;
    private readonly JoinRefusals _joins;

    internal EmulatorFaults(
        FaultLog log,
        BroadcastFaults broadcasts,
        TopicHub hub,
        SocketRegistry sockets,
        EmulatorDatabase database,
        MessageStream stream,
        ILogger<EmulatorFaults> logger)
    {
        _log = log;
        _broadcasts = broadcasts;
        _hub = hub;
        _sockets = sockets;
        _database = database;
        _stream = stream;
        _logger = logger;
        _network = new NetworkFaults(log);
        _joins = new JoinRefusals(log);
        Network = new FaultyNetwork(_network);
    }

    /// <summary>Gets a copy of the faults that took effect since the start or <see cref="Clear"/>, oldest first.</summary>
    public IReadOnlyList<EmulatorFault> Injected => _log.Injected;

    internal FaultyNetwork Network { get; }

    internal int Connections => _network.Connections;

    /// <summary>Cuts every socket without a close frame, half-open ones too, as a failing network does.</summary>
    /// <param name="refuseFor">
    /// How long the connections of new sockets are cut as well, by the emulator's clock; not at all by default, at most
    /// a day. It replaces what an earlier call said.
    /// </param>
    /// <remarks>Clients see 1006, no close frame, and then a connection that ends before the upgrade is answered.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="refuseFor"/> is negative or more than a day.</exception>
    public void DropConnections(TimeSpan refuseFor = default)
    {
        ThrowIfNoDuration(refuseFor, nameof(refuseFor));
        _network.Drop(refuseFor);
        _sockets.AbortAll();
    }

    /// <summary>
    /// Restarts Realtime in order: each joined topic gets the <c>system</c> message <c>Server requested disconnect</c>, then
    /// its socket is closed with 1012. New sockets are accepted at once.
    /// </summary>
    public void RestartRealtime() => _log.Add(EmulatorFaultKind.RealtimeRestarted, topic: null, _sockets.DrainAll());

    /// <summary>Lets every open socket fall silent: it stays open, and nothing passes in either direction.</summary>
    /// <param name="includesNew">
    /// Whether the upgrade requests of new sockets get no answer either; by default new sockets work, as they do for a
    /// client whose old connection was forgotten by a router. It replaces what an earlier call said.
    /// </param>
    /// <remarks>
    /// <para>
    /// Clients can send, but get no answer, be it to a heartbeat, a WebSocket ping or a close frame. The emulator does not
    /// notice clients that leave: they stay members and present until <see cref="EmulatorLimits.IdleTimeout"/>, and when it
    /// gives a socket up, the client does not notice that. HTTP requests are answered as ever.
    /// </para>
    /// <para>
    /// It lasts until <see cref="EndHalfOpen"/>, <see cref="Clear"/> or <see cref="DropConnections"/>.
    /// </para>
    /// </remarks>
    public void HalfOpen(bool includesNew = false) => _network.HalfOpen(includesNew);

    /// <summary>Ends what <see cref="HalfOpen"/> began; does nothing otherwise.</summary>
    /// <remarks>
    /// As with TCP, what was sent meanwhile arrives now, in order. Sockets that the emulator has given up since are cut.
    /// </remarks>
    public void EndHalfOpen() => _network.EndHalfOpen();

    /// <summary>Delays everything that passes on the sockets, present and future ones; the order is kept.</summary>
    /// <param name="toClients">How long what the emulator sends is under way, by its clock; 0 to a day.</param>
    /// <param name="fromClients">How long what clients send is under way, by the emulator's clock; 0 (the default) to a day.</param>
    /// <remarks>
    /// It lasts until <see cref="EndDelay"/> or <see cref="Clear"/>. Another call holds for what is sent from then on, which
    /// does not overtake what is under way. An upgrade and HTTP requests are answered as ever.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">A delay is negative or more than a day, or both are 0.</exception>
    public void Delay(TimeSpan toClients, TimeSpan fromClients = default)
    {
        ThrowIfNoDuration(toClients, nameof(toClients));
        ThrowIfNoDuration(fromClients, nameof(fromClients));
        if (toClients == TimeSpan.Zero && fromClients == TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(toClients), toClients, $"Nothing would be delayed. Call {nameof(EndDelay)} to end a delay.");
        _network.StartDelay(toClients, fromClients);
    }

    /// <summary>Ends what <see cref="Delay"/> began; does nothing otherwise. What is under way arrives at once, in order.</summary>
    public void EndDelay() => _network.EndDelay();

    /// <summary>Closes a channel at all its members, public and private ones, with <c>phx_close</c>; their sockets stay open.</summary>
    /// <param name="topic">The topic, with or without <c>realtime:</c>.</param>
    /// <exception cref="ArgumentException"><paramref name="topic"/> is empty.</exception>
    public void CloseChannel(string topic)
    {
        var subTopic = SubTopicOf(topic);
        _log.Add(EmulatorFaultKind.ChannelClosed, subTopic, _hub.CloseAll(subTopic));
    }

    /// <summary>Closes every channel as Realtime does when its token expires; the sockets stay open.</summary>
    /// <remarks>
    /// Members receive a <c>system</c> error <c>Token has expired 0 seconds ago</c>, then <c>phx_close</c>; so do those that
    /// joined with the API key. The tokens themselves stay as valid as they are, so a client may join again at once. Each
    /// channel has a record of its own.
    /// </remarks>
    public void ExpireTokens() => _hub.ExpireTokens(
        channel => _log.Add(EmulatorFaultKind.TokenExpired, channel.SubTopic, detail: TokenFaultTexts.ExpiredNow));

    /// <summary>Closes a topic's channels as the first message over the project's rate of events does.</summary>
    /// <param name="topic">The topic, with or without <c>realtime:</c>.</param>
    /// <param name="lasts">
    /// How long the rate stays exceeded for this topic, by the emulator's clock; not at all by default, at most a day. It
    /// replaces what an earlier call said.
    /// </param>
    /// <remarks>
    /// The channels that may receive broadcasts get a <c>system</c> error <c>Too many messages per second</c>, then
    /// <c>phx_close</c>; their sockets stay open and may join again. While it lasts, a WebSocket's broadcast is acknowledged
    /// and closes whoever would receive it, a row of the database is dropped without a signal, and a REST request that has a
    /// message for the topic is answered 429 <c>You have exceeded your rate limit</c>.
    /// </remarks>
    /// <exception cref="ArgumentException"><paramref name="topic"/> is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="lasts"/> is negative or more than a day.</exception>
    public void RateLimit(string topic, TimeSpan lasts = default)
    {
        var subTopic = SubTopicOf(topic);
        ThrowIfNoDuration(lasts, nameof(lasts));
        _broadcasts.Rates.Trip(subTopic, lasts);
        _log.Add(EmulatorFaultKind.RateLimited, subTopic, _hub.CloseReceivers(subTopic, RateTrips.ChannelText), RateTrips.ChannelText);
    }

    /// <summary>Refuses the next joins, whatever else would be wrong or right with them.</summary>
    /// <param name="reason">
    /// A code of Realtime's, such as <c>Unauthorized</c> or <c>InitializingProjectConnection</c>, for the reason that
    /// Realtime gives with it; or a whole reason, <c>Code: text</c>. <c>{topic}</c> in it becomes the topic without <c>realtime:</c>.
    /// </param>
    /// <param name="count">How many joins; 1 by default, at most 1,000,000.</param>
    /// <remarks>
    /// The reply comes after <see cref="EmulatorDelays.JoinError"/>. Behind <c>ClientJoinRateLimitReached</c> and
    /// <c>TenantNotFound</c> the socket is closed with 1001, as Realtime does; behind all others it stays open.
    /// </remarks>
    /// <exception cref="ArgumentException"><paramref name="reason"/> is neither such a code nor a whole reason.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of range.</exception>
    public void RefuseJoins(string reason, int count = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        ThrowIfOutOfRange(count, min: 1);
        _joins.Plan(reason, count);
    }

    /// <summary>Delivers the next broadcasts to nobody; their senders get their acknowledgements.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin; 1 to 1,000,000.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of range.</exception>
    public void LoseNextBroadcasts(int count)
    {
        ThrowIfOutOfRange(count, min: 1);
        _broadcasts.Plan.Lose(count);
    }

    /// <summary>Delivers the next broadcasts twice, the copies one behind the other.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin; 1 to 1,000,000.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of range.</exception>
    public void DuplicateNextBroadcasts(int count)
    {
        ThrowIfOutOfRange(count, min: 1);
        _broadcasts.Plan.Duplicate(count);
    }

    /// <summary>Holds the next broadcasts back until all of them are there, and delivers them last one first.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin; 2 to 1,000,000.</param>
    /// <remarks>They go to those who are members then. <see cref="Clear"/> delivers what is held back in its own order.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of range.</exception>
    public void ReorderNextBroadcasts(int count)
    {
        ThrowIfOutOfRange(count, min: 2);
        _broadcasts.Plan.Reorder(count);
    }

    /// <summary>Ends every fault, forgets those that were requested and have not taken effect, and empties <see cref="Injected"/>.</summary>
    /// <remarks>What is held back, silenced or delayed arrives, in order. What was done stays done: closed channels and cut sockets.</remarks>
    public void Clear()
    {
        _joins.Clear();
        _broadcasts.Rates.Clear();
        _broadcasts.Plan.Clear(_hub);
        _network.Clear();
        _log.Clear();
    }

    internal void ReleaseConnections() => _network.Clear();

    internal void CutConnections() => _network.CutAll();

    internal string? TakeJoinRefusal(string subTopic) => _joins.Take(subTopic);

    internal bool RefusesRequest(string subTopic) => _broadcasts.Rates.RefusesRequest(subTopic);

    private static string SubTopicOf(string topic)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        var subTopic = topic.StartsWith(Topic.Prefix, StringComparison.Ordinal) ? topic[Topic.Prefix.Length..] : topic;
        return subTopic.Length > 0 ? subTopic : throw new ArgumentException("The topic has no name behind 'realtime:'.", nameof(topic));
    }

    private static void ThrowIfNoDuration(TimeSpan duration, string name)
    {
        if (duration < TimeSpan.Zero || duration > _maxDuration)
            throw new ArgumentOutOfRangeException(name, duration, "A duration is 0 to one day.");
    }

    private static void ThrowIfOutOfRange(int count, int min)
    {
        if (count < min || count > MaxCount)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"The count is {min} to 1,000,000.");
    }
}

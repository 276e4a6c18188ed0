using System.Text;
using Campfire.Realtime.Emulator.Faults;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Emulator.Realtime;

// One joined topic on one socket. Messages reach it from the socket's read loop, one at a time; timers and faults may
// close it from anywhere.
internal sealed partial class RealtimeChannel
{
    // A long-lived token is looked at again now and then, as Realtime does; it also keeps timers within their range.
    private static readonly TimeSpan _longestTokenCheck = TimeSpan.FromMinutes(5);

    private readonly RealtimeServices _services;
    private readonly JoinRequest _request;
    private readonly HashSet<string>? _replayedIds;
    private readonly Lock _speaking = new();
    private readonly byte[] _joinRef;
    private readonly byte[] _topic;
    private volatile ChannelIdentity _identity;
    private volatile bool _canReadBroadcast;
    private volatile PresenceDelivery _presence;
    private WriteAccess? _write;
    private bool _isPresenceEnabled;
    private int _presenceCalls;
    private DateTimeOffset _presenceWindowEnd;
    private Topic? _audience;
    private ITimer? _tokenTimer;
    private volatile bool _isClosed;

    public RealtimeChannel(RealtimeServices services, RealtimeSocket socket, string subTopic, byte[] joinRef, JoinRequest request, Admission admission)
    {
        _services = services;
        _request = request;
        _identity = admission.Identity;
        Socket = socket;
        SubTopic = subTopic;
        _joinRef = joinRef;
        _topic = Encoding.UTF8.GetBytes(Topic.Prefix + subTopic);
        _isPresenceEnabled = request.IsPresenceEnabled;
        Apply(admission.Read);
        if (!request.IsPrivate)
            _write = new WriteAccess(Broadcast: true, Presence: true);
        if (admission.Replayed.Count > 0)
            _replayedIds = [.. admission.Replayed.Select(frames => frames.Id!)];
    }

    public RealtimeSocket Socket { get; }

    public string SubTopic { get; }

    public bool IsPrivate => _request.IsPrivate;

    public ReadOnlySpan<byte> JoinRef => _joinRef;

    public WireVersion Version => Socket.Version;

    public bool ReceivesOwn => _request.ReceivesOwn;

    public string PresenceKey => _request.PresenceKey;

    public bool CanReadBroadcast => _canReadBroadcast;

    public PresenceDelivery Presence => _presence;

    public bool IsClosed => _isClosed;

    public bool CanReceive(BroadcastFrames frames) =>
        _canReadBroadcast && (_replayedIds is null || frames.Id is null || !_replayedIds.Contains(frames.Id));

    // Whoever closes the channel, and from wherever: nothing of it is heard behind its phx_close.
    public void Send(in OutboundFrame frame)
    {
        lock (_speaking)
        {
            if (!_isClosed)
                Socket.Send(frame);
        }
    }

    public void Open()
    {
        _audience = _services.Hub.Join(this);
        _tokenTimer = _services.Time.CreateTimer(static channel => ((RealtimeChannel)channel!).CheckToken(), this, UntilTokenCheck(), Timeout.InfiniteTimeSpan);
    }

    // What follows the join's reply, in Realtime's order.
    public void Greet(Admission admission)
    {
        foreach (var frames in admission.Replayed)
        {
            if (frames.Replayed(Version, _joinRef) is { } frame)
                Send(frame);
        }
        RefusePostgresChanges();
        if (_request.WantsReplicationNotice)
            AnnounceReplication();
        if (_request.IsPresenceEnabled && _presence == PresenceDelivery.Direct && CountPresence())
            _audience!.Presence.SendState(this);
    }

    public void Deliver(in OutboundFrame broadcast)
    {
        Send(broadcast);
        _services.Rates.Events.Count();
    }

    public void DeliverPresence(in OutboundFrame diff)
    {
        Send(diff);
        _services.Rates.Presence.Count();
    }

    public bool HasTooManyEvents => _services.Rates.Events.IsExceeded;

    // It is who receives that is closed, whoever sends too much.
    public void CloseIfTooManyEvents()
    {
        if (HasTooManyEvents)
            CloseBecause(RateTrips.ChannelText);
    }

    // Without the sub-topic and the join_ref, which all other system messages have.
    public void AnnounceDisconnect() =>
        Send(ServerFrames.System(Version, default, _topic, "system", "ok", "Server requested disconnect", channel: null));

    public void Leave(ReadOnlySpan<byte> reference)
    {
        var isLeft = TryClose();
        Socket.Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
        if (isLeft)
            Socket.Send(ServerFrames.Closed(Version, _joinRef, _topic));
    }

    // False when it was closed before.
    public bool Close()
    {
        if (!TryClose())
            return false;
        Socket.Send(ServerFrames.Closed(Version, _joinRef, _topic));
        return true;
    }

    // False when it was closed before.
    public bool CloseBecause(string message)
    {
        if (!TryClose())
            return false;
        Socket.Send(System("system", "error", message));
        Socket.Send(ServerFrames.Closed(Version, _joinRef, _topic));
        return true;
    }

    // Ends the membership without a word to the client.
    public bool TryClose()
    {
        lock (_speaking)
        {
            if (_isClosed)
                return false;
            _isClosed = true;
        }
        _tokenTimer?.Dispose();
        Socket.Forget(this);
        _services.Hub.Leave(this);
        return true;
    }

    public void SendClosed() => Socket.Send(ServerFrames.Closed(Version, _joinRef, _topic));

    // Realtime subscribes again for each new token, and tells the outcome again.
    private void RefusePostgresChanges()
    {
        if (_request.PostgresChanges.Count == 0)
            return;
        SendSystem(
            "postgres_changes",
            "error",
            "Unable to subscribe to changes with given parameters. The Campfire emulator does not serve postgres_changes, use broadcast from the database.");
    }

    private void CheckToken()
    {
        // The timer may have been made by a channel that was closed at the same time.
        if (_isClosed)
            return;
        var verification = _services.Verifier.Verify(_identity.Token.Token);
        if (verification.Fault != Auth.TokenFault.None)
            CloseBecause(TokenFaultTexts.ForShutdown(verification));
        else
            _tokenTimer?.Change(UntilTokenCheck(), Timeout.InfiniteTimeSpan);
    }

    private TimeSpan UntilTokenCheck()
    {
        var left = _identity.Token.ExpiresAt!.Value - _services.Time.GetUtcNow();
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < _longestTokenCheck ? left : _longestTokenCheck;
    }

    private void Apply(ReadAccess access)
    {
        _canReadBroadcast = access.Broadcast;
        _presence = access.Presence switch
        {
            true => PresenceDelivery.Direct,
            false => PresenceDelivery.Denied,
            null => PresenceDelivery.Undecided,
        };
    }

    private void SendSystem(string extension, string status, string message) => Send(System(extension, status, message));

    private OutboundFrame System(string extension, string status, string message) =>
        ServerFrames.System(Version, _joinRef, _topic, extension, status, message, SubTopic);

    private void AnnounceReplication()
    {
        var established = _services.Stream.Established;
        if (established.IsCompletedSuccessfully)
            SendSystem("system", "ok", "Replication connection established");
        else
            _ = AnnounceLaterAsync(established);
    }

    private async Task AnnounceLaterAsync(Task established)
    {
        try
        {
            await established.WaitAsync(TimeSpan.FromSeconds(60), _services.Time).ConfigureAwait(false);
            SendSystem("system", "ok", "Replication connection established");
        }
        catch (TimeoutException)
        {
            CloseBecause("Replication connection was not established in time");
        }
    }
}

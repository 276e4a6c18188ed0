using Campfire.Realtime.Emulator.Realtime;

namespace Campfire.Realtime.Emulator;

/// <summary>Faults on request: each is deterministic, and recorded when it takes effect.</summary>
/// <remarks>Members may be used from any thread.</remarks>
public sealed class EmulatorFaults
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly List<EmulatorFault> _injected = [];
    private readonly Queue<BroadcastFault> _broadcastFaults = new();
    private readonly Queue<string> _joinRefusals = new();
    private readonly List<(Topic Topic, BroadcastFrames Frames, RealtimeChannel? Sender)> _heldBack = [];
    private int _heldBackUntil;
    private DateTimeOffset _refusesUntil;
    private volatile bool _hasBroadcastFaults;
    private TopicHub? _hub;
    private SocketRegistry? _sockets;

    internal EmulatorFaults(TimeProvider time)
    {
        _time = time;
    }

    private enum BroadcastFault
    {
        Lose,
        Duplicate,
    }

    /// <summary>The faults that took effect so far, oldest first.</summary>
    public IReadOnlyList<EmulatorFault> Injected
    {
        get
        {
            lock (_lock)
                return [.. _injected];
        }
    }

    internal bool IsRefusingConnections
    {
        get
        {
            lock (_lock)
                return _time.GetUtcNow() < _refusesUntil;
        }
    }

    /// <summary>Cuts every socket without a close frame, as a failing network does.</summary>
    /// <param name="refuseFor">How long new sockets are refused as well; not at all by default.</param>
    public void DropConnections(TimeSpan refuseFor = default)
    {
        lock (_lock)
        {
            _refusesUntil = _time.GetUtcNow() + refuseFor;
            Record(EmulatorFaultKind.ConnectionsDropped, topic: null);
        }
        _sockets?.AbortAll();
    }

    /// <summary>Closes a channel at all its members with <c>phx_close</c>; their sockets stay open.</summary>
    /// <param name="topic">The topic, with or without <c>realtime:</c>.</param>
    public void CloseChannel(string topic)
    {
        ArgumentException.ThrowIfNullOrEmpty(topic);
        var subTopic = WithoutPrefix(topic);
        lock (_lock)
            Record(EmulatorFaultKind.ChannelClosed, subTopic);
        _hub?.CloseAll(subTopic);
    }

    /// <summary>Refuses the next joins.</summary>
    /// <param name="reason">What the reply states, in Realtime's form <c>Code: text</c>.</param>
    /// <param name="count">How many joins; 1 by default.</param>
    public void RefuseJoins(string reason, int count = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        lock (_lock)
        {
            for (var i = 0; i < count; i++)
                _joinRefusals.Enqueue(reason);
        }
    }

    /// <summary>Delivers the next broadcasts to nobody.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin.</param>
    public void LoseNextBroadcasts(int count) => Plan(BroadcastFault.Lose, count);

    /// <summary>Delivers the next broadcasts twice.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin.</param>
    public void DuplicateNextBroadcasts(int count) => Plan(BroadcastFault.Duplicate, count);

    /// <summary>Holds the next broadcasts back until all of them are there, and delivers them last one first.</summary>
    /// <param name="count">How many broadcasts, of whatever topic and origin; at least 2.</param>
    public void ReorderNextBroadcasts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        lock (_lock)
        {
            _heldBackUntil = count;
            _hasBroadcastFaults = true;
        }
    }

    internal void Attach(TopicHub hub, SocketRegistry sockets)
    {
        _hub = hub;
        _sockets = sockets;
    }

    // As after the start: nothing planned, nothing held back, nothing recorded.
    internal void Clear()
    {
        lock (_lock)
        {
            _injected.Clear();
            _broadcastFaults.Clear();
            _joinRefusals.Clear();
            _heldBack.Clear();
            _heldBackUntil = 0;
            _refusesUntil = default;
            _hasBroadcastFaults = false;
        }
    }

    internal string? TakeJoinRefusal(string subTopic)
    {
        lock (_lock)
        {
            if (_joinRefusals.TryDequeue(out var reason))
                Record(EmulatorFaultKind.JoinRefused, subTopic);
            return reason;
        }
    }

    // True when this broadcast has been dealt with.
    internal bool Intercept(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (!_hasBroadcastFaults)
            return false;
        lock (_lock)
        {
            var isHandled = _broadcastFaults.TryDequeue(out var fault)
                ? Apply(fault, topic, frames, sender)
                : HoldBack(topic, frames, sender);
            _hasBroadcastFaults = _broadcastFaults.Count > 0 || _heldBackUntil > 0;
            return isHandled;
        }
    }

    private bool Apply(BroadcastFault fault, Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (fault == BroadcastFault.Lose)
        {
            Record(EmulatorFaultKind.BroadcastLost, topic.SubTopic);
            return true;
        }
        Record(EmulatorFaultKind.BroadcastDuplicated, topic.SubTopic);
        TopicHub.Deliver(topic, frames, sender);
        return false;
    }

    private bool HoldBack(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (_heldBackUntil == 0)
            return false;
        _heldBack.Add((topic, frames, sender));
        Record(EmulatorFaultKind.BroadcastReordered, topic.SubTopic);
        if (_heldBack.Count < _heldBackUntil)
            return true;
        for (var i = _heldBack.Count - 1; i >= 0; i--)
            TopicHub.Deliver(_heldBack[i].Topic, _heldBack[i].Frames, _heldBack[i].Sender);
        _heldBack.Clear();
        _heldBackUntil = 0;
        return true;
    }

    private void Plan(BroadcastFault fault, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        lock (_lock)
        {
            for (var i = 0; i < count; i++)
                _broadcastFaults.Enqueue(fault);
            _hasBroadcastFaults = true;
        }
    }

    private void Record(EmulatorFaultKind kind, string? topic) => _injected.Add(new EmulatorFault(kind, topic, _time.GetUtcNow()));

    private static string WithoutPrefix(string topic) =>
        topic.StartsWith(Topic.Prefix, StringComparison.Ordinal) ? topic[Topic.Prefix.Length..] : topic;
}

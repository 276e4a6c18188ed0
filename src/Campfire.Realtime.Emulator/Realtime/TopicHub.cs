using System.Collections.Concurrent;
using Campfire.Realtime.Emulator.Faults;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class TopicHub(BroadcastFaults faults)
{
    private readonly ConcurrentDictionary<(string SubTopic, bool IsPrivate), Topic> _topics = new();
    private readonly Lock _membership = new();

    public Topic? Find(string subTopic, bool isPrivate) => _topics.GetValueOrDefault((subTopic, isPrivate));

    public Topic Join(RealtimeChannel member)
    {
        lock (_membership)
        {
            var topic = _topics.GetOrAdd((member.SubTopic, member.IsPrivate), static key => new Topic(key.SubTopic, key.IsPrivate));
            lock (topic.Gate)
                topic.Add(member);
            return topic;
        }
    }

    public void Leave(RealtimeChannel member)
    {
        lock (_membership)
        {
            if (Find(member.SubTopic, member.IsPrivate) is not { } topic)
                return;
            lock (topic.Gate)
            {
                topic.Remove(member);
                topic.Presence.Untrack(member);
            }
            if (topic.IsEmpty)
                _topics.TryRemove((member.SubTopic, member.IsPrivate), out _);
        }
    }

    // How many channels were closed.
    public int CloseAll(string subTopic) => CloseAll(subTopic, static _ => true, static member => member.Close());

    // As the first message over the rate does.
    public int CloseReceivers(string subTopic, string message) =>
        CloseAll(subTopic, static member => member.CanReadBroadcast, member => member.CloseBecause(message));

    public static int CloseReceivers(Topic topic, RealtimeChannel? sender, string message)
    {
        var closed = 0;
        foreach (var member in topic.Members)
        {
            if ((member != sender || member.ReceivesOwn) && member.CanReadBroadcast && member.CloseBecause(message))
                closed++;
        }
        return closed;
    }

    public void ExpireTokens(Action<RealtimeChannel> expired)
    {
        foreach (var topic in _topics.Values)
        {
            foreach (var member in topic.Members)
            {
                if (member.CloseBecause(TokenFaultTexts.ExpiredNow))
                    expired(member);
            }
        }
    }

    // False when it could not be encoded for a member: in Realtime, the sender's process dies of that.
    public bool Broadcast(Topic topic, BroadcastFrames frames, RealtimeChannel? sender) =>
        faults.Intercept(this, topic, frames, sender) || Deliver(topic, frames, sender);

    public static bool Deliver(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        List<RealtimeChannel>? exceeding = null;
        lock (topic.Gate)
        {
            foreach (var member in topic.Members)
            {
                if ((member == sender && !member.ReceivesOwn) || !member.CanReceive(frames))
                    continue;
                if (!frames.CanBeEncodedFor(member.Version))
                    return false;
                if (frames.For(member.Version) is not { } frame)
                    continue;
                member.Deliver(frame);
                // The sender has its acknowledgement to come first.
                if (member != sender && member.HasTooManyEvents)
                    (exceeding ??= []).Add(member);
            }
        }
        // Not within the gate, which a channel that leaves takes after the hub's lock.
        foreach (var member in exceeding ?? [])
            member.CloseIfTooManyEvents();
        return true;
    }

    private int CloseAll(string subTopic, Func<RealtimeChannel, bool> predicate, Func<RealtimeChannel, bool> close)
    {
        var closed = 0;
        foreach (var isPrivate in (bool[])[false, true])
        {
            if (Find(subTopic, isPrivate) is not { } topic)
                continue;
            foreach (var member in topic.Members)
            {
                if (predicate(member) && close(member))
                    closed++;
            }
        }
        return closed;
    }
}

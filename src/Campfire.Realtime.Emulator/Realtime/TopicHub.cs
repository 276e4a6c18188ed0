using System.Collections.Concurrent;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class TopicHub(EmulatorFaults faults)
{
    private readonly ConcurrentDictionary<(string SubTopic, bool IsPrivate), Topic> _topics = new();
    private readonly Lock _membership = new();

    public Topic? Find(string subTopic, bool isPrivate) => _topics.GetValueOrDefault((subTopic, isPrivate));

    public Topic Join(RealtimeChannel member)
    {
        lock (_membership)
        {
            var topic = _topics.GetOrAdd((member.SubTopic, member.IsPrivate), static key => new Topic(key.SubTopic, key.IsPrivate));
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
            topic.Remove(member);
            if (topic.IsEmpty)
                _topics.TryRemove((member.SubTopic, member.IsPrivate), out _);
            topic.Presence.Untrack(member);
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

    public void Broadcast(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (!faults.Intercept(topic, frames, sender))
            Deliver(topic, frames, sender);
    }

    public static void Deliver(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        foreach (var member in topic.Members)
        {
            if (member == sender && !member.ReceivesOwn)
                continue;
            if (member.CanReceive(frames) && frames.For(member.Version) is { } frame)
                member.Socket.Send(frame);
        }
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

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
            var topic = _topics.GetOrAdd((member.SubTopic, member.IsPrivate), static key => new Topic(key.SubTopic));
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

    public void CloseAll(string subTopic)
    {
        foreach (var isPrivate in (bool[])[false, true])
        {
            if (Find(subTopic, isPrivate) is not { } topic)
                continue;
            foreach (var member in topic.Members)
                member.Close();
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
            if (!member.CanReceive(frames) || frames.For(member.Version) is not { } frame)
                continue;
            member.Deliver(frame);
            // The sender has its acknowledgement to come first.
            if (member != sender)
                member.CloseIfTooManyEvents();
        }
    }
}

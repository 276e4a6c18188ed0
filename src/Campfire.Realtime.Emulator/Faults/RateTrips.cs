using System.Collections.Concurrent;
using Campfire.Realtime.Emulator.Realtime;

namespace Campfire.Realtime.Emulator.Faults;

// Topics whose rate of events counts as exceeded, and until when.
internal sealed class RateTrips(FaultLog log)
{
    public const string ChannelText = "Too many messages per second";
    public const string RequestText = "You have exceeded your rate limit";

    private readonly ConcurrentDictionary<string, DateTimeOffset> _until = new(StringComparer.Ordinal);

    public void Trip(string subTopic, TimeSpan lasts)
    {
        if (lasts > TimeSpan.Zero)
            _until[subTopic] = log.Time.GetUtcNow() + lasts;
        else
            _until.TryRemove(subTopic, out _);
    }

    // True when this broadcast is not delivered.
    public bool Intercept(Topic topic, BroadcastFrames frames, RealtimeChannel? sender)
    {
        if (!IsTripped(topic.SubTopic))
            return false;
        // A row of the database is dropped without a signal; any other message closes whoever it reaches.
        if (frames.IsRow)
            log.Add(EmulatorFaultKind.RateLimited, topic.SubTopic, affected: 0, frames.Describe());
        else if (TopicHub.CloseReceivers(topic, sender, ChannelText) is var closed and > 0)
            log.Add(EmulatorFaultKind.RateLimited, topic.SubTopic, closed, ChannelText);
        return true;
    }

    public bool RefusesRequest(string subTopic)
    {
        if (!IsTripped(subTopic))
            return false;
        log.Add(EmulatorFaultKind.RateLimited, subTopic, detail: RequestText);
        return true;
    }

    public void Clear() => _until.Clear();

    private bool IsTripped(string subTopic) => !_until.IsEmpty && _until.TryGetValue(subTopic, out var until) && log.Time.GetUtcNow() < until;
}

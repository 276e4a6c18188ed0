using Campfire.Realtime.Emulator.Realtime;

namespace Campfire.Realtime.Emulator.Faults;

// All that can befall a broadcast.
internal sealed class BroadcastFaults(FaultLog log)
{
    public BroadcastPlan Plan { get; } = new(log);

    public RateTrips Rates { get; } = new(log);

    // True when this broadcast has been dealt with.
    public bool Intercept(TopicHub hub, Topic topic, BroadcastFrames frames, RealtimeChannel? sender) =>
        Rates.Intercept(topic, frames, sender) || Plan.Intercept(hub, topic, frames, sender);
}

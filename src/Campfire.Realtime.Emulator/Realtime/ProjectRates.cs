namespace Campfire.Realtime.Emulator.Realtime;

// What Realtime counts for a project as a whole, whichever socket, request or row it came from.
internal sealed class ProjectRates(EmulatorLimits limits, TimeProvider time)
{
    // A broadcast counts once when it is sent and once for each copy that is delivered.
    public RollingRate Events { get; } = new(limits.MaxEventsPerSecond, time);

    public RollingRate Joins { get; } = new(limits.MaxJoinsPerSecond, time);

    // A presence counts once when it is tracked, and once for each state or diff that is delivered.
    public RollingRate Presence { get; } = new(limits.MaxPresenceEventsPerSecond, time);

    // Requests to the broadcast API, which are held to the limit of events.
    public RollingRate Requests { get; } = new(limits.MaxEventsPerSecond, time, tickSeconds: 1);

    public void Clear()
    {
        Presence.Clear();
        Requests.Clear();
        Events.Clear();
        Joins.Clear();
    }
}

namespace Campfire.Realtime.Emulator.Realtime;

// What Realtime counts for a project as a whole, whichever socket, request or row it came from.
internal sealed class ProjectRates(EmulatorLimits limits, TimeProvider time)
{
    // A broadcast counts once when it is sent and once for each copy that is delivered.
    public RollingRate Events { get; } = new(limits.MaxEventsPerSecond, time);

    public RollingRate Joins { get; } = new(limits.MaxJoinsPerSecond, time);

    public void Clear()
    {
        Events.Clear();
        Joins.Clear();
    }
}

namespace Campfire.Realtime.Emulator.Faults;

// What took effect so far. Its lock is taken last and never held while anything else is called.
internal sealed class FaultLog(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly List<EmulatorFault> _injected = [];

    public TimeProvider Time => time;

    public IReadOnlyList<EmulatorFault> Injected
    {
        get
        {
            lock (_lock)
                return [.. _injected];
        }
    }

    public void Add(EmulatorFaultKind kind, string? topic, int affected = 1, string? detail = null)
    {
        lock (_lock)
            _injected.Add(new EmulatorFault(kind, topic, time.GetUtcNow()) { Affected = affected, Detail = detail });
    }

    public void Clear()
    {
        lock (_lock)
            _injected.Clear();
    }
}

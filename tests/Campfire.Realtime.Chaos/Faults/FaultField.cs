using Campfire.Realtime.Chaos.Running;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>Lets planned faults happen. Those of HTTP and of readers are the same everywhere; the rest is where the clients' sockets end.</summary>
internal abstract class FaultField(FaultyHttp http, IReadOnlyList<Reader> readers)
{
    private readonly Dictionary<string, Task> _lasting = new(StringComparer.Ordinal);

    /// <summary>The kinds that are possible here.</summary>
    public static IReadOnlyList<FaultKind> CommonKinds { get; } =
        [FaultKind.HttpUnavailable, FaultKind.HttpBroken, FaultKind.HttpAnswerLost, FaultKind.HttpSlow, FaultKind.SlowReader];

    /// <summary>What took effect, in words and numbers; a fault may hit nothing, or much.</summary>
    public abstract IEnumerable<(string What, int Count)> Effects { get; }

    public async Task ApplyAsync(PlannedFault fault, CancellationToken cancellationToken)
    {
        switch (fault.Kind)
        {
            case FaultKind.HttpUnavailable or FaultKind.HttpBroken or FaultKind.HttpAnswerLost or FaultKind.HttpSlow:
                http.HitNext(fault);
                break;
            case FaultKind.SlowReader:
                readers[fault.Target % readers.Count].Pause(fault.Lasts * 2);
                break;
            default:
                await ApplyHereAsync(fault, cancellationToken);
                break;
        }
    }

    /// <summary>Ends what still lasts, and forgets what has not happened yet.</summary>
    public async Task EndAllAsync()
    {
        await Task.WhenAll(_lasting.Values);
        http.Clear();
        Clear();
    }

    protected abstract Task ApplyHereAsync(PlannedFault fault, CancellationToken cancellationToken);

    protected abstract void Clear();

    /// <summary>Runs a fault that lasts, behind the one of its group that still does; others happen meanwhile.</summary>
    protected async Task LastAsync(string group, Func<Task> fault, CancellationToken cancellationToken)
    {
        if (_lasting.TryGetValue(group, out Task? before))
            await before.WaitAsync(cancellationToken);
        _lasting[group] = fault();
    }
}

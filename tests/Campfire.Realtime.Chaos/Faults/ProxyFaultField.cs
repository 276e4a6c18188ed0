using System.Collections.Concurrent;
using Campfire.Realtime.Chaos.Running;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>What can go wrong between clients and a real project.</summary>
internal sealed class ProxyFaultField(FaultyProxy proxy, FaultyHttp http, IReadOnlyList<Reader> readers) : FaultField(http, readers)
{
    private readonly ConcurrentDictionary<string, int> _effects = new(StringComparer.Ordinal);

    public static IReadOnlyList<FaultKind> Kinds { get; } =
        [FaultKind.Drop, FaultKind.DropAndRefuse, FaultKind.Reset, FaultKind.HalfOpen, FaultKind.HalfOpenForNewToo, FaultKind.Delay, .. CommonKinds];

    public override IEnumerable<(string What, int Count)> Effects =>
        _effects.OrderBy(effect => effect.Key, StringComparer.Ordinal).Select(effect => (effect.Key, effect.Value));

    protected override async Task ApplyHereAsync(PlannedFault fault, CancellationToken cancellationToken)
    {
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                Count("ConnectionsEnded", proxy.Drop(isReset: false));
                break;
            case FaultKind.DropAndRefuse:
                Count("ConnectionsEnded", proxy.Drop(isReset: false, fault.Lasts));
                break;
            case FaultKind.Reset:
                Count("ConnectionsReset", proxy.Drop(isReset: true));
                break;
            case FaultKind.HalfOpen or FaultKind.HalfOpenForNewToo:
                await LastAsync(
                    "silence",
                    async () =>
                    {
                        Count("ConnectionsHalfOpened", proxy.HalfOpen(fault.Kind is FaultKind.HalfOpenForNewToo));
                        await Task.Delay(fault.Lasts, CancellationToken.None);
                        proxy.EndHalfOpen();
                    },
                    cancellationToken);
                break;
            case FaultKind.Delay:
                await LastAsync(
                    "delay",
                    async () =>
                    {
                        Count("ConnectionsDelayed", proxy.Delay(fault.Lasts / 4));
                        await Task.Delay(fault.Lasts, CancellationToken.None);
                        proxy.Delay(TimeSpan.Zero);
                    },
                    cancellationToken);
                break;
            default:
                throw new InvalidOperationException($"The proxy has no fault {fault.Kind}.");
        }
    }

    protected override void Clear()
    {
        proxy.EndHalfOpen();
        proxy.Delay(TimeSpan.Zero);
    }

    private void Count(string what, int connections) => _effects.AddOrUpdate(what, connections, (_, before) => before + connections);
}

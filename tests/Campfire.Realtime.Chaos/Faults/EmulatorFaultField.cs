using Campfire.Realtime.Chaos.Running;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>Everything that the emulator can do wrong.</summary>
internal sealed class EmulatorFaultField(CampfireEmulator emulator, SupportTeam team, FaultyHttp http, IReadOnlyList<Reader> readers)
    : FaultField(http, readers)
{
    private static readonly string[] _transientRefusals =
    [
        "InitializingProjectConnection", "UnableToConnectToProject", "RealtimeRestarting", "TimeoutOnRpcCall", "MissingPartition",
        "Unknown Error on Channel", "join crashed",
    ];

    private readonly EmulatorFaults _faults = emulator.Faults;

    public static IReadOnlyList<FaultKind> Kinds { get; } = [.. Enum.GetValues<FaultKind>().Except([FaultKind.Reset])];

    public override IEnumerable<(string What, int Count)> Effects =>
        _faults.Injected.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key).Select(kind => (kind.Key.ToString(), kind.Count()));

    protected override async Task ApplyHereAsync(PlannedFault fault, CancellationToken cancellationToken)
    {
        string topic = ChannelName.Conversation(team.OrganizationId, team.Desks[fault.Target % team.Desks.Count].Id).Topic;
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                _faults.DropConnections();
                break;
            case FaultKind.DropAndRefuse:
                _faults.DropConnections(fault.Lasts);
                break;
            case FaultKind.HalfOpen or FaultKind.HalfOpenForNewToo:
                await LastAsync(
                    "silence",
                    async () =>
                    {
                        _faults.HalfOpen(fault.Kind is FaultKind.HalfOpenForNewToo);
                        await Task.Delay(fault.Lasts, CancellationToken.None);
                        _faults.EndHalfOpen();
                    },
                    cancellationToken);
                break;
            case FaultKind.Delay:
                await LastAsync(
                    "delay",
                    async () =>
                    {
                        _faults.Delay(fault.Lasts / 4, fault.Lasts / 8);
                        await Task.Delay(fault.Lasts, CancellationToken.None);
                        _faults.EndDelay();
                    },
                    cancellationToken);
                break;
            case FaultKind.RestartRealtime:
                _faults.RestartRealtime();
                break;
            case FaultKind.CloseChannel:
                _faults.CloseChannel(topic);
                break;
            case FaultKind.ExpireTokens:
                _faults.ExpireTokens();
                break;
            case FaultKind.RateLimit:
                _faults.RateLimit(topic, fault.Lasts);
                break;
            case FaultKind.RefuseJoins:
                _faults.RefuseJoins(_transientRefusals[fault.Target % _transientRefusals.Length], fault.Size);
                _faults.CloseChannel(topic);
                break;
            case FaultKind.RefuseJoinForCapacity:
                _faults.RefuseJoins("ClientJoinRateLimitReached");
                _faults.CloseChannel(topic);
                break;
            case FaultKind.LoseBroadcasts:
                _faults.LoseNextBroadcasts(fault.Size);
                break;
            case FaultKind.DuplicateBroadcasts:
                _faults.DuplicateNextBroadcasts(fault.Size);
                break;
            case FaultKind.ReorderBroadcasts:
                _faults.ReorderNextBroadcasts(fault.Size);
                break;
            case FaultKind.RestartDatabase:
                await LastAsync("database", () => RestartDatabaseAsync(fault.Lasts), cancellationToken);
                break;
            default:
                throw new InvalidOperationException($"The emulator has no fault {fault.Kind}.");
        }
    }

    protected override void Clear()
    {
        // Not Clear(), which would forget what took effect; only what would still hit somebody.
        _faults.EndHalfOpen();
        _faults.EndDelay();
    }

    private async Task RestartDatabaseAsync(TimeSpan outage)
    {
        // An aborted run disposes the emulator, which must not meet a database that is half-way down.
        await _faults.StopDatabaseAsync(CancellationToken.None);
        await Task.Delay(outage, CancellationToken.None);
        await _faults.StartDatabaseAsync(CancellationToken.None);
    }
}

using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations;
using QuickStart;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Opens what the runs talk to.</summary>
internal static class Target
{
    /// <summary>What differs from a project, for the user to read.</summary>
    public const string RaisedLimits =
        "The emulator's limits of users, events, joins and presence per second are lifted; a refused join is answered after 0.3 s, a refused socket after 0.1 s.";

    public static CampfireEmulatorOptions EmulatorOptions() => new()
    {
        // A project's quotas would end the run before it began, and its 5 s before each refusal would be most of it.
        Limits = new EmulatorLimits
        {
            MaxConcurrentUsers = 10_000,
            MaxEventsPerSecond = int.MaxValue,
            MaxJoinsPerSecond = int.MaxValue,
            MaxPresenceEventsPerSecond = int.MaxValue,
        },
        Delays = new EmulatorDelays(JoinError: TimeSpan.FromMilliseconds(300), UpgradeError: TimeSpan.FromMilliseconds(100)),
    };

    public static async Task<SupabaseTarget> StartEmulatorAsync(CancellationToken cancellationToken) =>
        SupabaseTarget.Of(await CampfireEmulator.StartAsync(EmulatorOptions(), cancellationToken));

    public static async Task<SupabaseTarget> OpenProjectAsync(CancellationToken cancellationToken)
    {
        SupabaseTarget target = SupabaseTarget.FromEnvironment();
        await new CampfireMigrator(target.Database).MigrateAsync(cancellationToken);
        return target;
    }

    /// <summary>Where the project's Realtime is; what the client would make of the same options.</summary>
    public static Uri Realtime(SupabaseTarget target) => target.RealtimeUrl ?? new Uri(target.Url.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/realtime/v1");
}

namespace Campfire.Realtime.Emulator;

/// <summary>The deliberate pauses that Supabase Realtime makes before it reports an error.</summary>
/// <param name="JoinError">The pause before a failed join is answered; it holds up everything else on that socket. 0 to 40 days.</param>
/// <param name="UpgradeError">The pause before a refused WebSocket upgrade is answered. 0 to 40 days.</param>
public sealed record EmulatorDelays(TimeSpan JoinError, TimeSpan UpgradeError)
{
    /// <summary>The pauses of a real server: 5 seconds for a join, 2 seconds for an upgrade.</summary>
    public static EmulatorDelays Realistic { get; } = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(2));

    /// <summary>No pauses, for tests that do not examine them.</summary>
    public static EmulatorDelays Fast { get; } = new(TimeSpan.Zero, TimeSpan.Zero);
}

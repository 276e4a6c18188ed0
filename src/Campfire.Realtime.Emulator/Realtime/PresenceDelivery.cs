namespace Campfire.Realtime.Emulator.Realtime;

// How a member hears of other members' presence.
internal enum PresenceDelivery
{
    // Its policies were not asked, since its join did not ask for presence.
    Undecided,
    Denied,
    Direct,

    // Granted by a track after such a join: the diffs come by way of the channel, which puts its join_ref on them.
    ThroughChannel,
}

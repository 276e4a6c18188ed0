namespace Campfire.Realtime.Emulator.Realtime;

// Null bounds: the client asked for a replay with values that are none.
internal sealed record ReplayRequest(DateTimeOffset? Since, int Limit)
{
    public const int MaxLimit = 25;

    public bool IsValid => Since is not null;
}

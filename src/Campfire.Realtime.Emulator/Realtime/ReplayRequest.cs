namespace Campfire.Realtime.Emulator.Realtime;

// Null bounds: the client asked for a replay with values that are none.
internal sealed record ReplayRequest(DateTimeOffset? Since, int Limit)
{
    public const int MaxLimit = 25;

    // What a value that is no object asks for. Only a public channel is refused because of it.
    public static ReplayRequest Nothing { get; } = new(null, 0);

    public static ReplayRequest Invalid { get; } = new(null, -1);

    public bool IsValid => Since is not null;
}

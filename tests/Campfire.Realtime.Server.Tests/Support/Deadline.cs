namespace Campfire.Realtime.Server.Tests.Support;

internal static class Deadline
{
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
}

using System.Runtime.CompilerServices;

namespace Campfire.Realtime.Migrations.Running;

// What PostgreSQL's and .NET's timers both take: their milliseconds are 32-bit integers.
internal static class MaxTimeout
{
    private static readonly TimeSpan _longest = TimeSpan.FromMilliseconds(int.MaxValue);

    public static void Check(TimeSpan timeout, string parameter, [CallerArgumentExpression(nameof(timeout))] string? option = null)
    {
        if (timeout < TimeSpan.Zero || timeout > _longest)
            throw new ArgumentOutOfRangeException(parameter, timeout, $"{option?.Split('.')[^1]} is from zero to 24 days.");
    }
}

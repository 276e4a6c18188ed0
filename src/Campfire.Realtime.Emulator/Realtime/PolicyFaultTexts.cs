namespace Campfire.Realtime.Emulator.Realtime;

// Realtime tells one and the same fault differently at a join, at a new token and over REST.
internal static class PolicyFaultTexts
{
    // Null when nothing hinders the join, or when the client only learns that it may not read.
    public static string? ForJoin(PolicyFault fault) => fault switch
    {
        PolicyFault.QueryCanceled => JoinRefusal.QueryCanceled,
        PolicyFault.MissingPartition => JoinRefusal.MissingPartition,
        PolicyFault.DatabaseUnavailable => JoinRefusal.DatabaseUnavailable,
        _ => null,
    };

    public static string? ForToken(PolicyFault fault) => fault switch
    {
        PolicyFault.QueryCanceled => "Query was cancelled, please try again",
        PolicyFault.MissingPartition or PolicyFault.DatabaseUnavailable => JoinRefusal.DatabaseUnavailableText,
        _ => null,
    };

    public static string? ForRest(PolicyFault fault) => fault switch
    {
        PolicyFault.PolicyFailed => "RLS policy error",
        PolicyFault.QueryCanceled => "Query canceled",
        PolicyFault.MissingPartition => "Missing messages partition",
        PolicyFault.DatabaseUnavailable => "Tenant database unavailable",
        _ => null,
    };
}

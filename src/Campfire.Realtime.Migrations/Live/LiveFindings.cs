namespace Campfire.Realtime.Migrations.Live;

internal static class LiveFindings
{
    public const string Unreachable = "live_unreachable";
    public const string JoinRefused = "live_join_refused";
    public const string JoinAllowed = "live_join_allowed";
    public const string CallRefused = "live_call_refused";
    public const string NotDelivered = "live_not_delivered";
    public const string ForgeryDelivered = "live_forgery_delivered";
    public const string CanaryLeft = "live_canary_left";

    public static DoctorFinding Create(string code, string path, string message) =>
        new(code, DoctorSeverity.Error, path, message, code switch
        {
            Unreachable => "-- Check the URL, the anon key and whether Realtime is enabled in the project's settings.",
            JoinRefused => "-- Look for policy, grant and function findings, and whether the JWT secret is this project's.",
            JoinAllowed => "-- Look for policies on realtime.messages that are not Campfire's, and switch off public access to Realtime.",
            CallRefused => "-- Look for grant and function findings; PostgREST learns new functions with: notify pgrst, 'reload schema'",
            NotDelivered => "-- Look for trigger, partition and replication findings, then restart the project's Realtime.",
            _ => "-- Drop the policies for INSERT on realtime.messages that are not Campfire's.",
        });
}

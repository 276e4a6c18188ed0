namespace Campfire.Realtime.Server.Supabase;

internal static class SupabaseKeys
{
    public static bool IsToken(string key) => key.AsSpan().Count('.') == 2;
}

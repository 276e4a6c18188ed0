using System.Buffers.Text;
using System.Text.Json;

namespace Campfire.Realtime.Migrations.Live;

// What a key of a Supabase project says of itself; nothing here is verified.
internal static class ApiKey
{
    // The database role that the gateway makes of it, or null where the key does not tell.
    public static string? RoleOf(string key)
    {
        if (key.StartsWith("sb_publishable_", StringComparison.Ordinal))
            return "anon";
        if (key.StartsWith("sb_secret_", StringComparison.Ordinal))
            return "service_role";
        if (key.Split('.') is not [_, { } payload, _])
            return null;
        try
        {
            using JsonDocument claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload));
            return claims.RootElement.TryGetProperty("role", out JsonElement role) ? role.GetString() : null;
        }
        catch (Exception none) when (none is FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}

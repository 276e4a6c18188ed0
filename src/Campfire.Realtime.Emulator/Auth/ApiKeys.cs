using System.Security.Cryptography;
using System.Text;
using Campfire.Realtime.Emulator.Database;

namespace Campfire.Realtime.Emulator.Auth;

// What Supabase's gateway does with keys: opaque ones become the JWT of their role, unknown ones go no further.
internal sealed class ApiKeys(EmulatorSecrets secrets)
{
    public string? ToJwt(string key)
    {
        if (IsSame(key, secrets.AnonKey) || IsSame(key, secrets.PublishableKey))
            return secrets.AnonKey;
        return IsSame(key, secrets.ServiceKey) || IsSame(key, secrets.SecretKey) ? secrets.ServiceKey : null;
    }

    public static bool IsOpaque(string key) => key.StartsWith("sb_", StringComparison.Ordinal);

    private static bool IsSame(string given, string known) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(known));
}

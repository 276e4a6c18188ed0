using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Live;

// JSON Web Tokens with HS256, as Supabase takes them. Short-lived: the canary is gone in a minute.
internal sealed class CanaryToken(string jwtSecret, TimeProvider time)
{
    private static readonly TimeSpan _lifetime = TimeSpan.FromMinutes(10);

    public string ForAgent(Guid userId) => Sign(new JsonObject
    {
        ["aud"] = "authenticated",
        ["role"] = "authenticated",
        ["sub"] = userId.ToString(),
    });

    public string ForVisitor(CanaryTenant tenant) => Sign(new JsonObject
    {
        ["role"] = "anon",
        ["sub"] = tenant.VisitorId.ToString(),
        ["campfire"] = new JsonObject
        {
            ["kind"] = "visitor",
            ["org"] = tenant.OrganizationId.ToString(),
            ["conv"] = tenant.ConversationId.ToString(),
        },
    });

    private string Sign(JsonObject claims)
    {
        claims["exp"] = (time.GetUtcNow() + _lifetime).ToUnixTimeSeconds();
        string content = $"{Encode("""{"alg":"HS256","typ":"JWT"}""")}.{Encode(claims.ToJsonString())}";
        byte[] signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(jwtSecret), Encoding.UTF8.GetBytes(content));
        return $"{content}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}

using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;

namespace Campfire.Realtime.Server.Tests.Support;

/// <summary>Makes tokens by hand, so that the server's own token code proves nothing about itself.</summary>
internal static class HandMadeToken
{
    public static JsonObject ClaimsOf(Session session, DateTimeOffset? expiresAt = null) => new()
    {
        ["role"] = "anon",
        ["sub"] = session.VisitorId.ToString(),
        ["campfire"] = new JsonObject
        {
            ["kind"] = "visitor",
            ["org"] = session.OrganizationId.ToString(),
            ["conv"] = session.ConversationId.ToString(),
        },
        ["iat"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1,
        ["exp"] = (expiresAt ?? DateTimeOffset.UtcNow.AddMinutes(5)).ToUnixTimeSeconds(),
    };

    public static string Sign(JsonNode claims, string secret, string header = """{"alg":"HS256","typ":"JWT"}""")
    {
        string signed = $"{Encode(header)}.{Encode(claims.ToJsonString())}";
        byte[] signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(signed));
        return $"{signed}.{Base64UrlEncoder.Encode(signature)}";
    }

    public static string Encode(string text) => Base64UrlEncoder.Encode(text);
}

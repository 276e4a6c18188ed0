using System.Buffers.Text;
using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tokens;

/// <summary>What the client itself needs to know of a token. Nothing here is trusted: the server checks the token.</summary>
internal sealed record TokenClaims(string? Subject, SenderType Kind, DateTimeOffset? ExpiresAt)
{
    public static TokenClaims None { get; } = new(null, SenderType.Visitor, null);

    public static TokenClaims Read(string token)
    {
        int start = token.IndexOf('.', StringComparison.Ordinal) + 1;
        int end = token.IndexOf('.', start);
        if (start == 0 || end < 0)
            return None;

        try
        {
            using JsonDocument claims = JsonDocument.Parse(Base64Url.DecodeFromChars(token.AsSpan(start, end - start)));
            JsonElement root = claims.RootElement;
            string? subject = root.TryGetProperty("sub", out JsonElement sub) && sub.ValueKind is JsonValueKind.String ? sub.GetString() : null;
            string? role = root.TryGetProperty("role", out JsonElement r) && r.ValueKind is JsonValueKind.String ? r.GetString() : null;
            DateTimeOffset? expiresAt = root.TryGetProperty("exp", out JsonElement exp) && exp.TryGetDouble(out double seconds)
                && seconds is > 0 and < 253402300799
                ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
                : null;
            SenderType kind = role switch
            {
                "authenticated" => SenderType.Agent,
                "service_role" => SenderType.System,
                _ => SenderType.Visitor,
            };
            return new TokenClaims(subject, kind, expiresAt);
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return None;
        }
    }
}

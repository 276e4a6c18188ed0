using System.Text.Json.Serialization;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>What counts of the token that Supabase Auth gives a signed-in user.</summary>
internal sealed record AgentClaims(string Role, Guid Sub, long Exp)
{
    public const string AuthenticatedRole = "authenticated";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(AgentClaims))]
internal sealed partial class AgentClaimsJsonContext : JsonSerializerContext;

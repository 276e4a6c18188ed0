using System.Text.Json.Serialization;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>The payload of a visitor token, written and read in this one shape.</summary>
internal sealed record VisitorClaims(string Role, Guid Sub, ConversationClaim Campfire, long Iat, long Exp)
{
    // Not "authenticated": that would open every policy of the host application made for its own users.
    public const string AnonRole = "anon";
}

internal sealed record ConversationClaim(string Kind, Guid Org, Guid Conv)
{
    public const string VisitorKind = "visitor";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(VisitorClaims))]
internal sealed partial class VisitorClaimsJsonContext : JsonSerializerContext;

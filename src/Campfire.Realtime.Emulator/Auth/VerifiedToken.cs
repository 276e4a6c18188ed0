
namespace Campfire.Realtime.Emulator.Auth;

internal sealed record VerifiedToken(string Token, string ClaimsJson, string? Role, string? Subject, DateTimeOffset? ExpiresAt);

internal enum TokenFault
{
    None,
    Malformed,
    UnsupportedAlgorithm,
    BadSignature,
    ExpiryNotNumeric,
    Expired,
    MissingClaims,
}

internal readonly record struct TokenVerification(TokenFault Fault, VerifiedToken? Token = null, TimeSpan ExpiredFor = default, string? KeyId = null);

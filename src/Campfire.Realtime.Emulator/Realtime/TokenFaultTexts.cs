using System.Globalization;
using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

internal static class TokenFaultTexts
{
    public static string ForChannel(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.Expired => string.Create(CultureInfo.InvariantCulture, $"Token has expired {(long)verification.ExpiredFor.TotalSeconds} seconds ago"),
        TokenFault.ExpiryNotNumeric => "Token expiration time is invalid",
        _ => Common(verification.Fault),
    };

    // Realtime has a text for this fault at a join only; at a channel that is joined, it says what its code calls it.
    public static string ForShutdown(TokenVerification verification) =>
        verification.Fault == TokenFault.BadSignature ? ":signature_error" : ForChannel(verification);

    public static string ForUpgrade(TokenFault fault) => fault == TokenFault.Expired ? "Token has expired" : Common(fault);

    private static string Common(TokenFault fault) => fault switch
    {
        TokenFault.MissingClaims => "Fields `role` and `exp` are required in JWT",
        TokenFault.BadSignature => "Failed to validate JWT signature",
        TokenFault.UnsupportedAlgorithm => "Failed to generate JWT signer, check your JWT secret or JWKS configuration",
        _ => "The token provided is not a valid JWT",
    };
}

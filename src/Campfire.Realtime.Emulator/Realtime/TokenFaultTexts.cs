using System.Globalization;
using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

internal static class TokenFaultTexts
{
    public static string ForJoin(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.Expired => string.Create(CultureInfo.InvariantCulture, $"Token has expired {(long)verification.ExpiredFor.TotalSeconds} seconds ago"),
        TokenFault.ExpiryNotNumeric => "Token expiration time is invalid",
        _ => Common(verification.Fault),
    };

    // Faults that Realtime has no text for, it names as its code does.
    public static string ForShutdown(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.BadSignature => ":signature_error",
        TokenFault.UnsupportedAlgorithm => ":error_generating_signer",
        _ => ForJoin(verification),
    };

    public static string ForUpgrade(TokenFault fault) => fault == TokenFault.Expired ? "Token has expired" : Common(fault);

    private static string Common(TokenFault fault) => fault switch
    {
        TokenFault.MissingClaims => "Fields `role` and `exp` are required in JWT",
        TokenFault.BadSignature => "Failed to validate JWT signature",
        TokenFault.UnsupportedAlgorithm => "Failed to generate JWT signer, check your JWT secret or JWKS configuration",
        _ => "The token provided is not a valid JWT",
    };
}

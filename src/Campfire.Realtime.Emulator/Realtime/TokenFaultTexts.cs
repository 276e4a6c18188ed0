using System.Globalization;
using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

internal static class TokenFaultTexts
{
    // What a channel is told whose timer fired at the second of the expiry.
    public const string ExpiredNow = "Token has expired 0 seconds ago";

    public static string ForChannel(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.Expired => string.Create(CultureInfo.InvariantCulture, $"Token has expired {(long)verification.ExpiredFor.TotalSeconds} seconds ago"),
        TokenFault.ExpiryNotNumeric => "Token expiration time is invalid",
        _ => Common(verification.Fault),
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

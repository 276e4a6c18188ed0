using System.Globalization;
using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Realtime;

internal static class TokenFaultTexts
{
    // What a channel is told whose timer fired at the second of the expiry.
    public const string ExpiredNow = "Token has expired 0 seconds ago";

    public const string BadSignature = "Failed to validate JWT signature";
    public const string NoSigner = "Failed to generate JWT signer, check your JWT secret or JWKS configuration";
    public const string NoToken = "The token provided is not a valid JWT";

    public static string ForChannel(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.Expired => string.Create(CultureInfo.InvariantCulture, $"Token has expired {(long)verification.ExpiredFor.TotalSeconds} seconds ago"),
        TokenFault.ExpiryNotNumeric => "Token expiration time is invalid",
        _ => Common(verification),
    };

    // Realtime has a text for this fault at a join only; at a channel that is joined, it says what its code calls it.
    public static string ForShutdown(TokenVerification verification) =>
        verification.Fault == TokenFault.BadSignature ? ":signature_error" : ForChannel(verification);

    public static string ForUpgrade(TokenVerification verification) =>
        verification.Fault is TokenFault.Expired or TokenFault.ExpiryNotNumeric ? "Token has expired" : Common(verification);

    private static string Common(TokenVerification verification) => verification.Fault switch
    {
        TokenFault.MissingClaims => "Fields `role` and `exp` are required in JWT",
        TokenFault.BadSignature => BadSignature,
        TokenFault.UnsupportedAlgorithm when verification.KeyId is { } keyId =>
            $"Failed to generate JWT signer for key ID (kid) \"{keyId}\", check your JWT secret or JWKS configuration",
        TokenFault.UnsupportedAlgorithm => NoSigner,
        _ => NoToken,
    };
}

using Campfire.Realtime.Emulator.Auth;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Rest;

internal sealed record RestCaller(string Role, string ClaimsJson)
{
    private const string Anonymous = "anon";

    // PostgREST forgives clocks that differ by this much.
    private static readonly TimeSpan _clockSkew = TimeSpan.FromSeconds(30);

    public bool IsAnonymous => Role == Anonymous;

    public static (RestCaller? Caller, RestError? Error) Identify(HttpRequest request, string gatewayJwt, ApiKeys keys, TokenVerifier verifier)
    {
        var token = gatewayJwt;
        if (request.Headers.Authorization.ToString() is { Length: > 0 } header)
        {
            if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
                return (null, RestError.UndecodableToken("Empty JWT is sent in Authorization header"));
            var given = header["Bearer ".Length..].Trim();
            // The gateway replaces an opaque key only; anything else is PostgREST's to judge.
            token = ApiKeys.IsOpaque(given) ? keys.ToJwt(given) ?? given : given;
        }

        var verification = verifier.Verify(token);
        return verification.Fault switch
        {
            TokenFault.None or TokenFault.MissingClaims => (From(verification.Token!), null),
            TokenFault.Expired when verification.ExpiredFor <= _clockSkew => (From(verification.Token!), null),
            TokenFault.Expired => (null, RestError.RefusedClaims("JWT expired")),
            TokenFault.ExpiryNotNumeric => (null, RestError.RefusedClaims("The JWT 'exp' claim must be a number")),
            TokenFault.BadSignature => (null, RestError.UndecodableToken("No suitable key or wrong key type")),
            TokenFault.UnsupportedAlgorithm => (null, RestError.UndecodableToken("Wrong or unsupported encoding algorithm")),
            _ => (null, RestError.UndecodableToken(PartsOf(token))),
        };
    }

    private static RestCaller From(VerifiedToken token) => new(token.Role ?? Anonymous, token.ClaimsJson);

    private static string PartsOf(string token)
    {
        var parts = token.Split('.').Length;
        return parts == 3 ? "JWT couldn't be decoded" : $"Expected 3 parts in JWT; got {parts}";
    }
}

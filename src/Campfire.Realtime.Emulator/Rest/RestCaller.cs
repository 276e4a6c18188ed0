using System.Globalization;
using System.Text.Json;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Rest;

internal sealed record RestCaller(string Role, string ClaimsJson)
{
    private const string Anonymous = "anon";

    // PostgREST forgives clocks that differ by this much.
    private static readonly TimeSpan _clockSkew = TimeSpan.FromSeconds(30);
    private static readonly RestCaller _nobody = new(Anonymous, $$"""{"role":"{{Anonymous}}"}""");

    public bool IsAnonymous => Role == Anonymous;

    public static (RestCaller? Caller, RestError? Error) Identify(
        HttpRequest request, string gatewayJwt, ApiKeys keys, TokenVerifier verifier, TimeProvider time)
    {
        var token = gatewayJwt;
        if (request.Headers.Authorization.ToString() is { Length: > 0 } header)
        {
            var parts = header.Split(' ', 2, StringSplitOptions.TrimEntries);
            // Another scheme is none of PostgREST's business: the caller has shown no token.
            if (!parts[0].Equals("Bearer", StringComparison.OrdinalIgnoreCase))
                return (_nobody, null);
            token = parts.Length == 2 ? parts[1] : "";
            if (token.Length == 0)
                return (null, RestError.UndecodableToken("Empty JWT is sent in Authorization header"));
            // The gateway replaces an opaque key only; anything else is PostgREST's to judge.
            if (ApiKeys.IsOpaque(token))
                token = keys.ToJwt(token) ?? token;
        }

        var verification = verifier.Verify(token);
        return verification.Fault switch
        {
            TokenFault.None or TokenFault.MissingClaims => From(verification.Token!, time.GetUtcNow()),
            TokenFault.Expired when verification.ExpiredFor <= _clockSkew => From(verification.Token!, time.GetUtcNow()),
            TokenFault.Expired => (null, RestError.RefusedClaims("JWT expired")),
            TokenFault.ExpiryNotNumeric => (null, RestError.RefusedClaims("The JWT 'exp' claim must be a number")),
            TokenFault.BadSignature => (null, RestError.UndecodableToken("No suitable key or wrong key type", "None of the keys was able to decode the JWT")),
            TokenFault.UnsupportedAlgorithm => (null, RestError.UndecodableToken("Wrong or unsupported encoding algorithm")),
            _ => (null, RestError.UndecodableToken(PartsOf(token))),
        };
    }

    private static (RestCaller? Caller, RestError? Error) From(VerifiedToken token, DateTimeOffset now)
    {
        using var document = JsonDocument.Parse(token.ClaimsJson);
        var claims = document.RootElement;
        var latest = now.ToUnixTimeSeconds() + (long)_clockSkew.TotalSeconds;
        var fault = TimeFault(claims, "nbf", latest, "JWT not yet valid")
            ?? TimeFault(claims, "iat", latest, "JWT issued at future")
            ?? AudienceFault(claims);
        if (fault is not null)
            return (null, RestError.RefusedClaims(fault));
        if (claims.TryGetProperty("role", out var role) && role.ValueKind != JsonValueKind.Null)
            return (new RestCaller(JsonText.Read(role) ?? role.GetRawText(), token.ClaimsJson), null);
        // PostgREST tells the database which role it took.
        var rest = token.ClaimsJson.TrimStart()[1..].TrimStart();
        return (new RestCaller(Anonymous, $$"""{"role":"{{Anonymous}}"{{(rest.StartsWith('}') ? "" : ",")}}{{rest}}"""), null);
    }

    private static string? TimeFault(JsonElement claims, string name, long latest, string tooLate)
    {
        if (!claims.TryGetProperty(name, out var claim) || claim.ValueKind == JsonValueKind.Null)
            return null;
        if (claim.ValueKind != JsonValueKind.Number)
            return string.Create(CultureInfo.InvariantCulture, $"The JWT '{name}' claim must be a number");
        return claim.TryGetInt64(out var seconds) && seconds > latest ? tooLate : null;
    }

    private static string? AudienceFault(JsonElement claims)
    {
        if (!claims.TryGetProperty("aud", out var audience))
            return null;
        var isValid = audience.ValueKind switch
        {
            JsonValueKind.Null or JsonValueKind.String => true,
            JsonValueKind.Array => audience.EnumerateArray().All(element => element.ValueKind == JsonValueKind.String),
            _ => false,
        };
        return isValid ? null : "The JWT 'aud' claim must be a string or an array of strings";
    }

    private static string PartsOf(string token)
    {
        var parts = token.Split('.').Length;
        return parts == 3 ? "JWT cryptographic operation failed" : $"Expected 3 parts in JWT; got {parts}";
    }
}

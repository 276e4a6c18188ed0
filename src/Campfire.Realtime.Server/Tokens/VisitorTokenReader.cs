using System.Text.Json;
using Campfire.Realtime.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>Tells visitors by the tokens that <see cref="WidgetTokenIssuer"/> issued.</summary>
internal sealed class VisitorTokenReader(TokenSigning signing, CampfireServerOptions options, TimeProvider time)
{
    private const int MaxTokenBytes = 8 * 1024;

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = MaxTokenBytes };
    private readonly TokenValidationParameters _parameters = new()
    {
        IssuerSigningKey = signing.Credentials.Key,
        ValidAlgorithms = [signing.Credentials.Algorithm],
        RequireSignedTokens = true,
        ValidateIssuer = false,
        ValidateAudience = false,

        // Checked below, with the application's clock.
        ValidateLifetime = false,
    };

    /// <exception cref="ProblemException">The request carries no valid visitor token.</exception>
    public async Task<VisitorIdentity> RequireAsync(HttpRequest request)
    {
        if (!BearerToken.TryGet(request, out string? token))
            throw ProblemException.Unauthorized("The request has no visitor token. Send the accessToken of POST widget/auth as Authorization: Bearer.");

        if (await ReadAsync(token).ConfigureAwait(false) is not { } visitor)
            throw ProblemException.Unauthorized("The token is not a visitor token of this server. Ask POST widget/auth for one.");

        if (!IsWithin(visitor.Claims, options.ClockSkew))
            throw ProblemException.Unauthorized("The visitor token has expired. Send it to POST widget/auth, which resumes the conversation with a fresh one.");

        return visitor.Identity;
    }

    /// <summary>The visitor that the request proves to come from, also with a token that has expired not long ago; otherwise null.</summary>
    public async Task<VisitorIdentity?> ReadProofAsync(HttpRequest request) =>
        BearerToken.TryGet(request, out string? token)
        && await ReadAsync(token).ConfigureAwait(false) is { } visitor
        && IsWithin(visitor.Claims, options.ResumeWindow + options.ClockSkew)
            ? visitor.Identity
            : null;

    private async Task<(VisitorIdentity Identity, VisitorClaims Claims)?> ReadAsync(string token)
    {
        TokenValidationResult result = await _handler.ValidateTokenAsync(token, _parameters).ConfigureAwait(false);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt)
            return null;

        VisitorClaims? claims;
        try
        {
            claims = JsonSerializer.Deserialize(Base64UrlEncoder.DecodeBytes(jwt.EncodedPayload), VisitorClaimsJsonContext.Default.VisitorClaims);
        }
        catch (JsonException)
        {
            return null;
        }

        // The project's secret also signs the tokens of agents and of the server.
        if (claims is not { Role: VisitorClaims.AnonRole, Campfire.Kind: ConversationClaim.VisitorKind }
            || claims.Sub == Guid.Empty || claims.Campfire.Org == Guid.Empty || claims.Campfire.Conv == Guid.Empty)
        {
            return null;
        }

        return (new VisitorIdentity(claims.Campfire.Org, claims.Campfire.Conv, claims.Sub, token), claims);
    }

    private bool IsWithin(VisitorClaims claims, TimeSpan grace) => claims.Exp > (time.GetUtcNow() - grace).ToUnixTimeSeconds();
}

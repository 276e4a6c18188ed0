using System.Text.Json;
using Campfire.Realtime.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Campfire.Realtime.Server.Tokens;

/// <summary>Tells agents by the tokens that Supabase Auth issued.</summary>
internal sealed class AgentTokenReader(TokenSigning signing, CampfireServerOptions options, TimeProvider time)
{
    private const int MaxTokenBytes = 16 * 1024;

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

    /// <exception cref="ProblemException">The request carries no valid token of a signed-in user.</exception>
    public async Task<AgentIdentity> RequireAsync(HttpRequest request)
    {
        if (!BearerToken.TryGet(request, out string? token))
            throw ProblemException.Unauthorized("The request has no token. Send the agent's Supabase access token as Authorization: Bearer.");

        if (await ReadAsync(token).ConfigureAwait(false) is not { } claims)
            throw ProblemException.Unauthorized("The token is not one of a user who is signed in to this Supabase project.");

        if (claims.Exp <= (time.GetUtcNow() - options.ClockSkew).ToUnixTimeSeconds())
            throw ProblemException.Unauthorized("The agent's token has expired. Refresh the session with Supabase Auth.");

        return new AgentIdentity(claims.Sub, token);
    }

    private async Task<AgentClaims?> ReadAsync(string token)
    {
        TokenValidationResult result = await _handler.ValidateTokenAsync(token, _parameters).ConfigureAwait(false);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt)
            return null;

        try
        {
            AgentClaims? claims = JsonSerializer.Deserialize(
                Base64UrlEncoder.DecodeBytes(jwt.EncodedPayload), AgentClaimsJsonContext.Default.AgentClaims);
            return claims is { Role: AgentClaims.AuthenticatedRole } && claims.Sub != Guid.Empty ? claims : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

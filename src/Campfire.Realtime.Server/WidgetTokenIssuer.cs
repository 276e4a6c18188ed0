using System.Text.Json;
using Campfire.Realtime.Server.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Campfire.Realtime.Server;

/// <summary>Issues visitor tokens: the right to take part in one conversation, for a short time. Thread-safe.</summary>
public sealed class WidgetTokenIssuer
{
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly TokenSigning _signing;
    private readonly CampfireServerOptions _options;
    private readonly TimeProvider _time;

    internal WidgetTokenIssuer(TokenSigning signing, CampfireServerOptions options, TimeProvider time)
    {
        _signing = signing;
        _options = options;
        _time = time;
    }

    /// <summary>Issues a token. The caller has made sure that the conversation is the visitor's.</summary>
    /// <param name="organizationId">The organization.</param>
    /// <param name="conversationId">The conversation that the token gives access to.</param>
    /// <param name="visitorId">The visitor, in whose name the bearer writes.</param>
    /// <returns>A token of the role <c>anon</c>, valid for <see cref="CampfireServerOptions.TokenLifetime"/>.</returns>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public WidgetToken Issue(Guid organizationId, Guid conversationId, Guid visitorId)
    {
        if (organizationId == Guid.Empty || conversationId == Guid.Empty || visitorId == Guid.Empty)
            throw new ArgumentException("A token for the nil UUID opens nothing; pass the identifiers that the database gave.");

        DateTimeOffset now = _time.GetUtcNow();
        long expiry = (now + _options.TokenLifetime).ToUnixTimeSeconds();
        var claims = new VisitorClaims(
            VisitorClaims.AnonRole, visitorId, new ConversationClaim(ConversationClaim.VisitorKind, organizationId, conversationId), now.ToUnixTimeSeconds(), expiry);
        string payload = JsonSerializer.Serialize(claims, VisitorClaimsJsonContext.Default.VisitorClaims);
        return new WidgetToken(_handler.CreateToken(payload, _signing.Credentials), DateTimeOffset.FromUnixTimeSeconds(expiry));
    }
}

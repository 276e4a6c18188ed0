namespace Campfire.Realtime.Server;

/// <summary>A visitor token.</summary>
public sealed class WidgetToken
{
    internal WidgetToken(string accessToken, DateTimeOffset expiresAt)
    {
        AccessToken = accessToken;
        ExpiresAt = expiresAt;
    }

    /// <summary>Gets the token itself. Whoever holds it takes part in the conversation; do not log it.</summary>
    public string AccessToken { get; }

    /// <summary>Gets when the token expires, in UTC.</summary>
    public DateTimeOffset ExpiresAt { get; }
}

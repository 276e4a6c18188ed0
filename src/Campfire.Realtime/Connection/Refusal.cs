namespace Campfire.Realtime.Connection;

internal enum RefusalClass
{
    /// <summary>Try again after a backoff.</summary>
    Transient,

    /// <summary>Try again with a fresh token.</summary>
    Token,

    /// <summary>A limit was reached: wait longer.</summary>
    Capacity,

    /// <summary>Waiting does not help.</summary>
    Permanent,
}

/// <summary>What a refusal means. There is no machine-readable code on the wire: the texts are Realtime's own.</summary>
internal readonly record struct Refusal(RefusalClass Class, CampfireErrorCode Code, string Reason)
{
    // Realtime's close code after "Too many joins per second".
    private const int GoingAway = 1001;

    public CampfireException ToException(string what) => new(Code, $"{what}: {Reason}", Reason);

    /// <summary>An upgrade answered with an HTTP status.</summary>
    /// <param name="status">The status.</param>
    /// <param name="reason">Realtime's own words, null when it was not Realtime that answered.</param>
    /// <param name="wasConnected">Whether the same address and key were accepted before.</param>
    public static Refusal OfUpgrade(int status, string? reason, bool wasConnected)
    {
        string text = reason ?? $"HTTP {status}";
        return status switch
        {
            // A gateway that restarts does not know its routes for a moment. Who has been connected does not give up for that.
            403 or 404 when reason is null && wasConnected => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, text),
            401 => new(RefusalClass.Permanent, CampfireErrorCode.InvalidApiKey, text),
            403 or 404 => new(RefusalClass.Permanent, CampfireErrorCode.AccessDenied, text),
            429 => new(RefusalClass.Capacity, CampfireErrorCode.RateLimited, text),
            _ => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, text),
        };
    }

    /// <summary>A connection that was lost.</summary>
    public static Refusal OfLoss(LinkLoss loss) => loss.CloseCode is GoingAway
        ? new(RefusalClass.Capacity, CampfireErrorCode.RateLimited, loss.Reason)
        : new(RefusalClass.Transient, CampfireErrorCode.Unavailable, loss.Reason);

    /// <summary>An error reply to a join: <c>Code: text</c>.</summary>
    public static Refusal OfJoin(string? reason)
    {
        string text = reason ?? "no reason given";
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return (colon < 0 ? text : text[..colon]) switch
        {
            "InvalidJWTToken" or "MalformedJWT" or "JwtSignatureError" or "JwtSignerError" => new(RefusalClass.Token, CampfireErrorCode.InvalidToken, text),
            "Unauthorized" or "PrivateOnly" or "TopicNameRequired" or "TenantNotFound" or "RealtimeDisabledForTenant" or "unmatched topic" =>
                new(RefusalClass.Permanent, CampfireErrorCode.AccessDenied, text),
            "ConnectionRateLimitReached" or "ClientJoinRateLimitReached" or "ChannelRateLimitReached" or "DatabaseConnectionRateLimitReached"
                or "DatabaseLackOfConnections" or "IncreaseConnectionPool" => new(RefusalClass.Capacity, CampfireErrorCode.RateLimited, text),
            _ => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, text),
        };
    }

    /// <summary>The <c>system</c> error that precedes a <c>phx_close</c>; none means that the server closed without a word.</summary>
    public static Refusal OfClose(string? message) => message switch
    {
        null => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, "the server closed the channel"),
        _ when message.StartsWith("Token has expired", StringComparison.Ordinal)
            || message.StartsWith("Fields `role` and `exp`", StringComparison.Ordinal)
            || message.StartsWith("The token provided", StringComparison.Ordinal)
            || message.StartsWith("Failed to", StringComparison.Ordinal) => new(RefusalClass.Token, CampfireErrorCode.InvalidToken, message),
        _ when message.StartsWith("You do not have permissions", StringComparison.Ordinal)
            || message.StartsWith("You no longer have permission", StringComparison.Ordinal) => new(RefusalClass.Permanent, CampfireErrorCode.AccessWithdrawn, message),
        _ when message.StartsWith("Too many", StringComparison.Ordinal)
            || message.StartsWith("Client presence rate limit", StringComparison.Ordinal) => new(RefusalClass.Capacity, CampfireErrorCode.RateLimited, message),
        _ => new(RefusalClass.Transient, CampfireErrorCode.Unavailable, message),
    };
}

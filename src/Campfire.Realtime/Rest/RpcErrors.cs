using System.Net;

namespace Campfire.Realtime.Rest;

internal static class RpcErrors
{
    public static CampfireException ToException(string function, HttpStatusCode status, RpcErrorBody? body)
    {
        CampfireErrorCode code = body?.Message switch
        {
            "campfire_not_participant" => CampfireErrorCode.AccessDenied,
            "campfire_not_found" => CampfireErrorCode.NotFound,

            // The same word for another matter: something keeps the conversation from taking a message, and its hint says to try again.
            "campfire_conflict" when body.Hint?.StartsWith("Try again", StringComparison.Ordinal) is true => CampfireErrorCode.Unavailable,
            "campfire_conflict" => CampfireErrorCode.Conflict,
            "campfire_stale_handler" => CampfireErrorCode.StaleHandler,
            "campfire_invalid" => CampfireErrorCode.Invalid,
            "campfire_rate_limited" => CampfireErrorCode.RateLimited,
            _ => OfStatus(status, PostgrestCode(body)),
        };
        string words = string.Join(' ', new[] { body?.Details, body?.Hint }.Where(text => !string.IsNullOrWhiteSpace(text)));
        if (words.Length == 0)
            words = body?.Message ?? "the server gave no reason";
        var refused = new CampfireException(code, $"{function} was refused with HTTP {(int)status}: {words}", body?.Message)
        {
            Explanation = words,
            IsVerdict = IsVerdict(status, body),
        };
        return refused;
    }

    /// <summary>Whether our functions, or a rule of the tables, refused what was sent. All else speaks of the server's state or the caller's.</summary>
    private static bool IsVerdict(HttpStatusCode status, RpcErrorBody? body) =>
        body?.Message?.StartsWith("campfire_", StringComparison.Ordinal) is true
            ? status is >= HttpStatusCode.BadRequest and < HttpStatusCode.InternalServerError and not HttpStatusCode.Unauthorized

            // Data exceptions and broken constraints. With 401 it is the token's role that does not exist, which is a 22023 too.
            : status is HttpStatusCode.BadRequest or HttpStatusCode.Conflict && PostgrestCode(body) is ['2', '2' or '3', _, _, _];

    /// <summary>PostgREST's own code (PGRST…) or the database's (five characters); null when somebody else answers in PostgREST's place.</summary>
    private static string? PostgrestCode(RpcErrorBody? body) => body?.Code is { } code
        && (code.StartsWith("PGRST", StringComparison.Ordinal) || (code.Length == 5 && code.All(char.IsAsciiLetterOrDigit)))
            ? code
            : null;

    private static CampfireErrorCode OfStatus(HttpStatusCode status, string? code) => status switch
    {
        HttpStatusCode.RequestTimeout => CampfireErrorCode.Timeout,
        HttpStatusCode.TooManyRequests => CampfireErrorCode.RateLimited,
        >= HttpStatusCode.InternalServerError => CampfireErrorCode.Unavailable,
        < HttpStatusCode.BadRequest => CampfireErrorCode.ProtocolViolation,

        // PostgREST answers PGRST3xx for a token it does not accept, and 42501 with 401 for an anonymous caller without the right.
        HttpStatusCode.Unauthorized when code is null => CampfireErrorCode.InvalidApiKey,
        HttpStatusCode.Unauthorized when code.StartsWith("PGRST3", StringComparison.Ordinal) => CampfireErrorCode.InvalidToken,

        // Without a code it is a gateway that speaks, for example while what is behind it starts again.
        _ when code is null || IsOfServer(code) => CampfireErrorCode.Unavailable,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => CampfireErrorCode.AccessDenied,
        HttpStatusCode.NotFound => CampfireErrorCode.NotFound,
        HttpStatusCode.Conflict => CampfireErrorCode.Conflict,
        _ => CampfireErrorCode.Invalid,
    };

    /// <summary>A database that is read-only for a while (405), that does not let PostgREST in (403), or that PostgREST does not reach.</summary>
    private static bool IsOfServer(string code) =>
        code is "25006" || code.StartsWith("28", StringComparison.Ordinal) || code.StartsWith("PGRST0", StringComparison.Ordinal);
}

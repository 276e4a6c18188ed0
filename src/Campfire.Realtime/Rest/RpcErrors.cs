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
            "campfire_conflict" => CampfireErrorCode.Conflict,
            "campfire_stale_handler" => CampfireErrorCode.StaleHandler,
            "campfire_invalid" => CampfireErrorCode.Invalid,
            "campfire_rate_limited" => CampfireErrorCode.RateLimited,
            _ => OfStatus(status, body?.Code),
        };
        string words = string.Join(' ', new[] { body?.Details, body?.Hint }.Where(text => !string.IsNullOrWhiteSpace(text)));
        if (words.Length == 0)
            words = body?.Message ?? "the server gave no reason";
        return new CampfireException(code, $"{function} was refused with HTTP {(int)status}: {words}", body?.Message) { Explanation = words };
    }

    private static CampfireErrorCode OfStatus(HttpStatusCode status, string? code) => status switch
    {
        // PostgREST answers PGRST3xx for a token it does not accept, and 42501 with 401 for an anonymous caller without the right.
        HttpStatusCode.Unauthorized when code is null => CampfireErrorCode.InvalidApiKey,

        // Without PostgREST's code it is a gateway that speaks, for example while what is behind it starts again.
        HttpStatusCode.Forbidden or HttpStatusCode.NotFound when code is null => CampfireErrorCode.Unavailable,
        HttpStatusCode.Unauthorized when code.StartsWith("PGRST3", StringComparison.Ordinal) => CampfireErrorCode.InvalidToken,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => CampfireErrorCode.AccessDenied,
        HttpStatusCode.NotFound => CampfireErrorCode.NotFound,
        HttpStatusCode.Conflict => CampfireErrorCode.Conflict,
        HttpStatusCode.RequestTimeout => CampfireErrorCode.Timeout,
        HttpStatusCode.TooManyRequests => CampfireErrorCode.RateLimited,
        >= HttpStatusCode.InternalServerError => CampfireErrorCode.Unavailable,
        >= HttpStatusCode.BadRequest => CampfireErrorCode.Invalid,
        _ => CampfireErrorCode.ProtocolViolation,
    };
}

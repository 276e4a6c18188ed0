using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Server.Http;

/// <summary>What a widget is told of an error of Supabase: the database's own words where they are meant for callers, otherwise ours.</summary>
internal static class SupabaseProblems
{
    private static readonly TimeSpan _rateWindow = TimeSpan.FromSeconds(10);

    public static ProblemException ToProblem(CampfireException e)
    {
        int status = StatusOf(e.Code);
        TimeSpan? retryAfter = status is StatusCodes.Status429TooManyRequests ? _rateWindow : null;
        if (e.ServerReason is { } code && code.StartsWith(ProblemCodes.DatabasePrefix, StringComparison.Ordinal))
            return new ProblemException(status, code, e.Explanation ?? "The database gave no reason.", retryAfter);

        return e.Code switch
        {
            CampfireErrorCode.InvalidToken => ProblemException.Unauthorized("Supabase refused the visitor token. Ask POST widget/auth for a fresh one."),
            CampfireErrorCode.Invalid => ProblemException.Invalid(
                "The database cannot store the text, for example because it contains a NUL character or half of a surrogate pair."),
            CampfireErrorCode.Conflict => new ProblemException(status, ProblemCodes.Conflict, "Another request changed the same thing. Try again."),
            CampfireErrorCode.RateLimited => new ProblemException(
                status, ProblemCodes.RateLimited, "Supabase receives too many requests at the moment. Try again later.", retryAfter),
            CampfireErrorCode.Unavailable or CampfireErrorCode.Timeout => new ProblemException(
                status, ProblemCodes.Unavailable, "Supabase cannot be reached at the moment. Try again later."),
            _ => new ProblemException(
                StatusCodes.Status502BadGateway, ProblemCodes.Upstream, "Supabase did not accept the request of this server, whose log says why."),
        };
    }

    private static int StatusOf(CampfireErrorCode code) => code switch
    {
        CampfireErrorCode.InvalidToken => StatusCodes.Status401Unauthorized,
        CampfireErrorCode.AccessDenied => StatusCodes.Status403Forbidden,
        CampfireErrorCode.NotFound => StatusCodes.Status404NotFound,
        CampfireErrorCode.Conflict or CampfireErrorCode.StaleHandler => StatusCodes.Status409Conflict,
        CampfireErrorCode.Invalid => StatusCodes.Status422UnprocessableEntity,
        CampfireErrorCode.RateLimited => StatusCodes.Status429TooManyRequests,
        CampfireErrorCode.Unavailable or CampfireErrorCode.Timeout => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status502BadGateway,
    };
}

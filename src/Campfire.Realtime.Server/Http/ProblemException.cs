using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Server.Http;

/// <summary>Ends a request with problem details. The detail is written for the caller, so it holds nothing that he may not know.</summary>
internal sealed class ProblemException(int status, string code, string detail, TimeSpan? retryAfter = null) : Exception(detail)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    public static ProblemException Malformed(string detail) => new(StatusCodes.Status400BadRequest, ProblemCodes.Malformed, detail);

    public static ProblemException Unauthorized(string detail) => new(StatusCodes.Status401Unauthorized, ProblemCodes.InvalidToken, detail);

    public static ProblemException Invalid(string detail) => new(StatusCodes.Status422UnprocessableEntity, ProblemCodes.Invalid, detail);
}

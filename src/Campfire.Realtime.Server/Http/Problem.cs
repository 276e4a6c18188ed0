using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Campfire.Realtime.Server.Http;

/// <summary>Problem details of RFC 9457 with the member <c>code</c>.</summary>
internal sealed record Problem(string Type, string Title, int Status, string Detail, string Code)
{
    public static IResult Result(HttpResponse response, ProblemException problem)
    {
        if (problem.Status is StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = "Bearer";
        if (problem.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Ceiling(Math.Max(1, wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

        var body = new Problem("about:blank", ReasonPhrases.GetReasonPhrase(problem.Status), problem.Status, problem.Message, problem.Code);
        return TypedResults.Json(body, ProblemJsonContext.Default.Problem, "application/problem+json", problem.Status);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Problem))]
internal sealed partial class ProblemJsonContext : JsonSerializerContext;

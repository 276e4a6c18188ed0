using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Http;

/// <summary>Turns what went wrong in an endpoint into problem details. What it does not know is a defect and passes on.</summary>
internal sealed partial class ProblemFilter(ILogger<ProblemFilter> logger) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        // Answers hold tokens and what people wrote.
        http.Response.Headers.CacheControl = "no-store";
        try
        {
            return await next(context).ConfigureAwait(false);
        }
        catch (ProblemException e)
        {
            return Answer(http, e);
        }
        catch (CampfireException e)
        {
            ProblemException problem = SupabaseProblems.ToProblem(e);
            if (problem.Status is StatusCodes.Status502BadGateway)
                SupabaseRefused(e);
            else if (problem.Status is StatusCodes.Status503ServiceUnavailable)
                SupabaseUnavailable(e);
            return Answer(http, problem);
        }
        catch (BadHttpRequestException e)
        {
            return Answer(http, e.StatusCode is StatusCodes.Status413PayloadTooLarge
                ? JsonBody.TooLarge()
                : new ProblemException(e.StatusCode, ProblemCodes.Malformed, "The request's body could not be read to its end."));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return TypedResults.Empty;
        }
    }

    private IResult Answer(HttpContext http, ProblemException problem)
    {
        RequestRefused(http.Request.Method, http.Request.Path, problem.Status, problem.Code);
        return Problem.Result(http.Response, problem);
    }
}

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Hosting;

// Tells the log of requests that no program with good intentions sends. The path is all that is told of them.
internal sealed partial class RefusedRequests(RequestDelegate next, ILogger<RefusedRequests> logger)
{
    private readonly ILogger _logger = logger;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (BadHttpRequestException broken)
        {
            RequestBroken(context.Request.Path, broken.Message);
            throw;
        }
        if (context.Response.StatusCode == StatusCodes.Status413PayloadTooLarge)
            BodyTooLarge(context.Request.Path);
    }

    [LoggerMessage(3070, LogLevel.Warning, "A request to {Path} was refused, because its body is larger than the emulator takes.")]
    private partial void BodyTooLarge(string path);

    [LoggerMessage(3071, LogLevel.Warning, "A request to {Path} was given up: {Reason}")]
    private partial void RequestBroken(string path, string reason);
}

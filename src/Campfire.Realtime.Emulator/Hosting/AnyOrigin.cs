using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Hosting;

// Supabase's gateway lets pages of any origin call it; the keys are what protects it.
internal sealed class AnyOrigin(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = "*";
        if (!HttpMethods.IsOptions(context.Request.Method))
            return next(context);
        headers.AccessControlAllowMethods = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS";
        headers.AccessControlAllowHeaders = context.Request.Headers.AccessControlRequestHeaders;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}

using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Hosting;

// Paths, or methods on them, that nobody serves.
internal static class UnknownPath
{
    public static Task OfGatewayAsync(HttpContext context) =>
        HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status404NotFound, new JsonObject { ["error"] = "requested path is invalid" });

    // Realtime names no path and no method; a method that a path does not know makes the path an unknown one.
    public static Task OfRealtimeAsync(HttpContext context)
    {
        const string Text = "Not Found";
        if (context.Request.Headers.Accept.ToString().Contains("json", StringComparison.OrdinalIgnoreCase))
            return HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status404NotFound, JsonValue.Create(Text));
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(Text);
    }
}

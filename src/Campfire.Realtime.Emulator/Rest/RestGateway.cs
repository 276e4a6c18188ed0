using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Rest;

// What Supabase's gateway does before a request reaches PostgREST: nobody passes without a key of the project.
internal sealed class RestGateway(ApiKeys keys)
{
    // The JWT of the key's role; null when the request has been answered.
    public async Task<string?> AdmitAsync(HttpContext context)
    {
        var request = context.Request;
        var key = request.Headers["apikey"].ToString() is { Length: > 0 } header ? header : request.Query["apikey"].ToString();
        if (keys.ToJwt(key) is { } jwt)
            return jwt;
        var (message, hint) = key.Length == 0
            ? ("No API key found in request", "No `apikey` request header or url param was found.")
            : ("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.");
        var body = new JsonObject { ["message"] = message, ["hint"] = hint };
        await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status401Unauthorized, body).ConfigureAwait(false);
        return null;
    }
}

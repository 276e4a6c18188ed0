using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Realtime;

// What the two REST endpoints of broadcast have in common.
internal sealed class RestBroadcaster(RealtimeServices services, ApiKeys keys)
{
    public RealtimeServices Services => services;

    // Null when the request has been answered.
    public async Task<ChannelIdentity?> IdentifyAsync(HttpContext context)
    {
        var request = context.Request;
        var header = request.Headers.Authorization.ToString();
        var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim() : request.Headers["apikey"].ToString();
        if (ApiKeys.IsOpaque(token))
            token = keys.ToJwt(token) ?? token;
        var verification = services.Verifier.Verify(token);
        if (verification.Fault == TokenFault.None)
            return new ChannelIdentity(verification.Token!, HeadersOf(request));
        await AnswerAsync(context, StatusCodes.Status401Unauthorized, "Unauthorized").ConfigureAwait(false);
        return null;
    }

    // Null when the database is not there to be asked.
    public async Task<bool?> MayWriteAsync(ChannelIdentity identity, string subTopic, CancellationToken cancellationToken) =>
        (await services.Admission.WriteAccessAsync(identity, subTopic, cancellationToken).ConfigureAwait(false))?.Broadcast;

    public static Task AnswerAsync(HttpContext context, int status, string message) =>
        HttpAnswers.WriteJsonAsync(context.Response, status, new JsonObject { ["message"] = message });

    // Null when the body is larger than the server takes; the request has then been answered.
    public static async Task<byte[]?> ReadBodyAsync(HttpContext context)
    {
        if (await RequestBody.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false) is { } body)
            return body;
        await AnswerAsync(context, StatusCodes.Status413PayloadTooLarge, "Request Entity Too Large").ConfigureAwait(false);
        return null;
    }

    private static string HeadersOf(HttpRequest request)
    {
        var headers = new JsonObject();
        foreach (var (name, values) in request.Headers)
        {
            if (!name.Equals("Authorization", StringComparison.OrdinalIgnoreCase) && !name.Equals("apikey", StringComparison.OrdinalIgnoreCase))
                headers[name.ToLowerInvariant()] = values.ToString();
        }
        return headers.ToJsonString();
    }
}

using System.Net.Mime;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class SingleBroadcastEndpoint(RestBroadcaster broadcaster)
{
    public async Task SendAsync(HttpContext context)
    {
        if (await broadcaster.IdentifyAsync(context).ConfigureAwait(false) is not { } identity)
            return;
        var mediaType = context.Request.ContentType?.Split(';')[0].Trim();
        var isBinary = MediaTypeNames.Application.Octet.Equals(mediaType, StringComparison.OrdinalIgnoreCase);
        if (mediaType is { Length: > 0 } && !isBinary && !MediaTypeNames.Application.Json.Equals(mediaType, StringComparison.OrdinalIgnoreCase))
        {
            var error = new JsonObject { ["error"] = "Unsupported Media Type. Use application/json or application/octet-stream" };
            await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status415UnsupportedMediaType, error).ConfigureAwait(false);
            return;
        }
        if (await RestBroadcaster.ReadBodyAsync(context).ConfigureAwait(false) is not { } body)
            return;
        var isPrivate = context.Request.Query["private"] == "true";
        // Without a content type, the body is not looked at.
        var payload = isBinary ? body : string.IsNullOrEmpty(mediaType) ? "{}"u8.ToArray() : ReadJson(body, ref isPrivate);
        if (payload is null)
        {
            await RestBroadcaster.AnswerAsync(context, StatusCodes.Status400BadRequest, "Malformed JSON").ConfigureAwait(false);
            return;
        }
        if (payload.Length > broadcaster.Services.Limits.MaxPayloadBytes)
        {
            var errors = new JsonObject { ["errors"] = new JsonObject { ["payload"] = new JsonArray("Payload size exceeds tenant limit") } };
            await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status422UnprocessableEntity, errors).ConfigureAwait(false);
            return;
        }
        var (subTopic, userEvent) = TargetOf(context);
        if (isPrivate && await broadcaster.MayWriteAsync(identity, subTopic, context.RequestAborted).ConfigureAwait(false) is not true and var answer)
        {
            var (status, message) = answer is null
                ? (StatusCodes.Status422UnprocessableEntity, "Tenant database unavailable")
                : (StatusCodes.Status403Forbidden, "Unauthorized");
            await RestBroadcaster.AnswerAsync(context, status, message).ConfigureAwait(false);
            return;
        }
        context.Response.StatusCode = Publish(subTopic, userEvent, payload, isBinary, isPrivate)
            ? StatusCodes.Status202Accepted
            : StatusCodes.Status500InternalServerError;
    }

    private bool Publish(string subTopic, string userEvent, byte[] payload, bool isBinary, bool isPrivate)
    {
        var hub = broadcaster.Services.Hub;
        if (hub.Find(subTopic, isPrivate) is not { } audience)
            return true;
        var frames = BroadcastFrames.User(audience.WireName, Encoding.UTF8.GetBytes(userEvent), payload, isBinary);
        if (frames is null)
            return false;
        hub.Broadcast(audience, frames, sender: null);
        return true;
    }

    // Anything but an object is wrapped, and a "private" key in the body wins over the query: both come from the way
    // the real server merges body and query.
    private static byte[]? ReadJson(byte[] body, ref bool isPrivate)
    {
        if (!Utf8.IsValid(body))
            return null;
        try
        {
            using var document = JsonDocument.Parse(body.Length == 0 ? "{}"u8.ToArray() : body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return Encoding.UTF8.GetBytes($$"""{"_json":{{root.GetRawText()}}}""");
            if (root.TryGetProperty("private", out var value))
                isPrivate = value.ValueKind == JsonValueKind.True || JsonText.Read(value) == "true";
            return body;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Routing leaves an encoded slash encoded, which cannot be told from a doubly encoded one; the raw target can.
    private static (string SubTopic, string Event) TargetOf(HttpContext context)
    {
        var path = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        var segments = path.TrimEnd('/').Split('/');
        return (Uri.UnescapeDataString(segments[^3]), Uri.UnescapeDataString(segments[^1]));
    }
}

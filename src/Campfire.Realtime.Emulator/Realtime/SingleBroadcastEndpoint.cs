using System.Net.Mime;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class SingleBroadcastEndpoint(RestBroadcaster broadcaster)
{
    public async Task SendAsync(HttpContext context)
    {
        if (await RestBroadcaster.ReadBodyAsync(context).ConfigureAwait(false) is not { } body)
            return;
        var mediaType = RestBroadcaster.MediaTypeOf(context.Request);
        var isBinary = mediaType == MediaTypeNames.Application.Octet;
        using var document = isBinary ? JsonDocument.Parse("{}") : await RestBroadcaster.ParseAsync(context, body).ConfigureAwait(false);
        if (document is null)
            return;
        if (mediaType is not (null or MediaTypeNames.Application.Json or MediaTypeNames.Application.Octet))
        {
            var error = new JsonObject { ["error"] = "Unsupported Media Type. Use application/json or application/octet-stream" };
            await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status415UnsupportedMediaType, error).ConfigureAwait(false);
            return;
        }
        if (await broadcaster.IdentifyAsync(context).ConfigureAwait(false) is not { } identity)
            return;
        var (payload, isPrivate) = (body, context.Request.Query["private"] == "true");
        if (!isBinary)
            (payload, isBinary, isPrivate) = Interpret(document.RootElement, isPrivate);
        var (subTopic, userEvent) = TargetOf(context);
        if (Refusal(subTopic, userEvent, payload) is var (field, problem))
        {
            await RestBroadcaster.AnswerErrorsAsync(context, field, new JsonArray(problem)).ConfigureAwait(false);
            return;
        }
        if (await broadcaster.ExceedsRateAsync(context, [subTopic]).ConfigureAwait(false))
            return;
        if (isPrivate && !await AuthorizeAsync(context, identity, subTopic).ConfigureAwait(false))
            return;
        context.Response.StatusCode = Publish(subTopic, userEvent, payload, isBinary, isPrivate)
            ? StatusCodes.Status202Accepted
            : StatusCodes.Status500InternalServerError;
    }

    // False when the request has been answered.
    private async Task<bool> AuthorizeAsync(HttpContext context, ChannelIdentity identity, string subTopic)
    {
        var (isAllowed, fault) = await broadcaster.MayWriteAsync(identity, subTopic, context.RequestAborted).ConfigureAwait(false);
        if (isAllowed)
            return true;
        await (PolicyFaultTexts.ForRest(fault) is { } reason
            ? RestBroadcaster.AnswerAsync(context, StatusCodes.Status422UnprocessableEntity, reason)
            : RestBroadcaster.AnswerAsync(context, StatusCodes.Status403Forbidden, "Unauthorized")).ConfigureAwait(false);
        return false;
    }

    private (string Field, string Problem)? Refusal(string subTopic, string userEvent, byte[] payload)
    {
        if (RestBroadcaster.IsBlank(subTopic))
            return ("topic", "can't be blank");
        if (RestBroadcaster.IsBlank(userEvent))
            return ("event", "can't be blank");
        return payload.Length > broadcaster.Services.Limits.MaxPayloadBytes ? ("payload", "Payload size exceeds tenant limit") : null;
    }

    private bool Publish(string subTopic, string userEvent, byte[] payload, bool isBinary, bool isPrivate)
    {
        var hub = broadcaster.Services.Hub;
        return hub.Find(subTopic, isPrivate) is not { } audience
            || hub.Broadcast(audience, BroadcastFrames.User(audience.WireName, Encoding.UTF8.GetBytes(userEvent), payload, isBinary), sender: null);
    }

    // Anything but an object is wrapped, a "private" key in the body wins over the query, and the text under "_binary" is
    // taken for bytes: all this comes from the way the real server merges body and query.
    private static (byte[] Payload, bool IsBinary, bool IsPrivate) Interpret(JsonElement body, bool isPrivate)
    {
        if (body.ValueKind != JsonValueKind.Object)
            return (Encoding.UTF8.GetBytes($$"""{"_json":{{body.GetRawText()}}}"""), false, isPrivate);
        if (body.TryGetProperty("private"u8, out var value))
            isPrivate = value.ValueKind == JsonValueKind.True || JsonText.Read(value) == "true";
        return body.TryGetProperty("_binary"u8, out var bytes) && JsonText.Read(bytes) is { } text
            ? (Encoding.UTF8.GetBytes(text), true, isPrivate)
            : (Encoding.UTF8.GetBytes(body.GetRawText()), false, isPrivate);
    }

    // Routing leaves an encoded slash encoded, which cannot be told from a doubly encoded one; the raw target can.
    private static (string SubTopic, string Event) TargetOf(HttpContext context)
    {
        var path = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        var segments = path.TrimEnd('/').Split('/');
        return (Uri.UnescapeDataString(segments[^3]), Uri.UnescapeDataString(segments[^1]));
    }
}

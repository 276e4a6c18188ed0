using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Faults;
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
        if (await ExceedsRequestsAsync(context).ConfigureAwait(false))
            return null;
        var request = context.Request;
        var header = request.Headers.Authorization.ToString().Split(' ');
        if (header is not ([""] or [_, _]))
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return null;
        }
        var token = header is [_, var given] && header[0].Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? given : request.Headers["apikey"].ToString();
        if (ApiKeys.IsOpaque(token))
            token = keys.ToJwt(token) ?? token;
        var verification = services.Verifier.Verify(token);
        if (verification.Fault == TokenFault.None)
            return new ChannelIdentity(verification.Token!, HeadersOf(request));
        await AnswerAsync(context, StatusCodes.Status401Unauthorized, "Unauthorized").ConfigureAwait(false);
        return null;
    }

    public async Task<(bool IsAllowed, PolicyFault Fault)> MayWriteAsync(ChannelIdentity identity, string subTopic, CancellationToken cancellationToken)
    {
        var (access, fault) = await services.Admission.WriteAccessAsync(identity, subTopic, cancellationToken).ConfigureAwait(false);
        return (access is { Broadcast: true }, fault);
    }

    // True when the request has been answered with 429. The headers tell whoever asks how much is left.
    private async Task<bool> ExceedsRequestsAsync(HttpContext context)
    {
        var rate = services.Rates.Requests;
        rate.Count();
        var (mean, max) = ((long)rate.Mean, services.Limits.MaxEventsPerSecond);
        context.Response.Headers["x-rate-rolling"] = mean.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["x-rate-limit"] = max.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["x-rate-limit-remaining"] = (max - mean).ToString(CultureInfo.InvariantCulture);
        if (mean < max)
            return false;
        await AnswerAsync(context, StatusCodes.Status429TooManyRequests, "Too many requests").ConfigureAwait(false);
        return true;
    }

    // True when the request has been answered with 429; otherwise its messages are counted.
    public async Task<bool> ExceedsRateAsync(HttpContext context, IReadOnlyCollection<string> topics)
    {
        var rate = services.Rates.Events;
        var messages = topics.Count;
        var refusal = rate.IsExceeded || topics.Distinct(StringComparer.Ordinal).Any(services.Faults.RefusesRequest) ? RateTrips.RequestText
            : messages > 1 && rate.Mean + messages > services.Limits.MaxEventsPerSecond ? "Too many messages to broadcast, please reduce the batch size"
            : null;
        if (refusal is null)
            rate.Count(messages);
        else
            await AnswerAsync(context, StatusCodes.Status429TooManyRequests, refusal).ConfigureAwait(false);
        return refusal is not null;
    }

    public static Task AnswerAsync(HttpContext context, int status, string message) =>
        HttpAnswers.WriteJsonAsync(context.Response, status, new JsonObject { ["message"] = message });

    public static Task AnswerErrorsAsync(HttpContext context, string field, JsonArray errors) => HttpAnswers.WriteJsonAsync(
        context.Response, StatusCodes.Status422UnprocessableEntity, new JsonObject { ["errors"] = new JsonObject { [field] = errors } });

    // Null when the body is larger than the server takes; the request has then been answered.
    public static async Task<byte[]?> ReadBodyAsync(HttpContext context)
    {
        if (await RequestBody.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false) is { } body)
            return body;
        await AnswerAsync(context, StatusCodes.Status413PayloadTooLarge, "Request Entity Too Large").ConfigureAwait(false);
        return null;
    }

    // A body of another type than JSON is left unread, and counts as an empty object. Null when the request has been answered.
    public static async Task<JsonDocument?> ParseAsync(HttpContext context, byte[] body)
    {
        try
        {
            if (body.Length == 0 || !IsJson(MediaTypeOf(context.Request)))
                return JsonDocument.Parse("{}"u8.ToArray());
            // The parser takes text as it comes, and a WebSocket that is sent such text is closed by its client.
            if (Utf8.IsValid(body))
                return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            // Answered below.
        }
        await AnswerAsync(context, StatusCodes.Status400BadRequest, "Malformed JSON").ConfigureAwait(false);
        return null;
    }

    // Null without a content type.
    public static string? MediaTypeOf(HttpRequest request) =>
        request.ContentType is { Length: > 0 } type ? type.Split(';')[0].Trim().ToLowerInvariant() : null;

    public static bool IsBlank(string text) => string.IsNullOrWhiteSpace(text);

    private static bool IsJson(string? mediaType) =>
        mediaType is not null && mediaType.StartsWith("application/", StringComparison.Ordinal)
        && (mediaType.EndsWith("/json", StringComparison.Ordinal) || mediaType.EndsWith("+json", StringComparison.Ordinal));

    private static string HeadersOf(HttpRequest request)
    {
        var headers = new JsonObject();
        foreach (var (name, values) in request.Headers)
            headers[name.ToLowerInvariant()] = values.ToString();
        return headers.ToJsonString();
    }
}

using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Server.Publishing;

/// <summary>What Realtime's HTTP interface means by its errors.</summary>
internal static class BroadcastErrors
{
    private const int MaxErrorBytes = 64 * 1024;

    public static async Task<CampfireException> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        BroadcastErrorBody? body = null;
        try
        {
            await response.Content.LoadIntoBufferAsync(MaxErrorBytes, cancellationToken).ConfigureAwait(false);
            body = await response.Content.ReadFromJsonAsync(BroadcastErrorJsonContext.Default.BroadcastErrorBody, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or NotSupportedException)
        {
            // A gateway answers in its own words; the status says enough.
        }

        string? reason = body?.Message ?? body?.Error ?? body?.Errors?.GetRawText();
        return new CampfireException(
            CodeOf(response.StatusCode, body), $"Realtime refused the event with HTTP {(int)response.StatusCode}: {reason ?? "no reason given"}", reason);
    }

    private static CampfireErrorCode CodeOf(HttpStatusCode status, BroadcastErrorBody? body) => status switch
    {
        HttpStatusCode.Unauthorized => CampfireErrorCode.InvalidApiKey,
        HttpStatusCode.Forbidden => CampfireErrorCode.AccessDenied,
        HttpStatusCode.NotFound => CampfireErrorCode.NotFound,
        HttpStatusCode.RequestTimeout => CampfireErrorCode.Timeout,

        // With field errors the event itself is wrong; with a message alone, Realtime has trouble with its database.
        HttpStatusCode.UnprocessableEntity when body is { Errors: null, Message: not (null or "RLS policy error") } => CampfireErrorCode.Unavailable,
        HttpStatusCode.TooManyRequests => CampfireErrorCode.RateLimited,
        >= HttpStatusCode.InternalServerError => CampfireErrorCode.Unavailable,
        >= HttpStatusCode.BadRequest => CampfireErrorCode.Invalid,
        _ => CampfireErrorCode.ProtocolViolation,
    };
}

internal sealed record BroadcastErrorBody(string? Message, string? Error, JsonElement? Errors);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BroadcastErrorBody))]
internal sealed partial class BroadcastErrorJsonContext : JsonSerializerContext;

using System.Net;

namespace Campfire.Realtime.TestSupport;

// How a server answered an upgrade that it did not accept. ClientWebSocket does not tell the body.
public sealed record UpgradeRefusal(HttpStatusCode Status, string? ContentType, string Body)
{
    private static readonly HttpClient _http = new();

    public static async Task<UpgradeRefusal> ReadAsync(Uri address, string? apiKeyHeader = null)
    {
        using var request = Request(address);
        if (apiKeyHeader is not null)
            request.Headers.TryAddWithoutValidation("x-api-key", apiKeyHeader);
        using var deadline = new CancellationTokenSource(PlainSocket.Deadline);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
        // The stream of an accepted upgrade has no end.
        return response.StatusCode == HttpStatusCode.SwitchingProtocols
            ? new UpgradeRefusal(response.StatusCode, null, "")
            : new UpgradeRefusal(response.StatusCode, response.Content.Headers.ContentType?.ToString(), await response.Content.ReadAsStringAsync(deadline.Token));
    }

    public static HttpRequestMessage Request(Uri address)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        return request;
    }
}

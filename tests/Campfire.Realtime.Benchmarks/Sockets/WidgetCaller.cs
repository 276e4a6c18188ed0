using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Campfire.Realtime.Benchmarks.Sockets;

// Calls the server as widgets that speak plain HTTP do.
internal sealed class WidgetCaller(Uri url, BenchProject project) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = url, Timeout = TimeSpan.FromSeconds(30) };

    public async Task<WidgetSession> OpenAsync(CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync("/api/widget/auth", new { widgetKey = project.WidgetKey, name = "Vera" }, cancellationToken);
        JsonElement answer = await ReadAsync(response, cancellationToken);
        return new WidgetSession(answer.GetProperty("conversationId").GetGuid(), answer.GetProperty("accessToken").GetString()!);
    }

    // The sequence of the stored message.
    public async Task<long> SendAsync(WidgetSession session, string content, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/widget/messages") { Content = JsonContent.Create(new { content }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", session.Token);
        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken);
        return (await ReadAsync(response, cancellationToken)).GetProperty("sequence").GetInt64();
    }

    public void Dispose() => _http.Dispose();

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        return await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
    }
}

internal sealed record WidgetSession(Guid ConversationId, string Token);

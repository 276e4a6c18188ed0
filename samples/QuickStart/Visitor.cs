using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace QuickStart;

/// <summary>What a widget does: authenticates over HTTP, and asks again with its old token before that one expires.</summary>
internal sealed class Visitor(HttpClient http, Uri api, string widgetKey)
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private WidgetSession? _session;

    public async Task<(WidgetSession Session, TimeSpan Duration)> AuthenticateAsync(CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(api, "/api/widget/auth"));
        request.Headers.Add("Origin", "https://shop.example");
        if (_session is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _session.AccessToken);
        request.Content = JsonContent.Create(new { widgetKey, name = "Vera", email = "vera@example.com", conversationId = _session?.ConversationId, visitorId = _session?.VisitorId });
        using HttpResponseMessage response = await http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new QuickStartException($"The widget was not let in: HTTP {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellationToken)}");

        _session = (await response.Content.ReadFromJsonAsync<WidgetSession>(cancellationToken))!;
        return (_session, Stopwatch.GetElapsedTime(started));
    }

    public async ValueTask<string> GetTokenAsync(CancellationToken cancellationToken)
    {
        if (_session is null || _session.ExpiresAt - TimeProvider.System.GetUtcNow() < Margin)
            await AuthenticateAsync(cancellationToken);
        return _session!.AccessToken;
    }
}

internal sealed record WidgetSession(
    Guid ConversationId, Guid VisitorId, Guid OrganizationId, string AccessToken, DateTimeOffset ExpiresAt, Uri SupabaseUrl, string ApiKey);

using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Migrations.Live;

// Somebody with a token of his own, and a connection on which it is used.
internal sealed class LiveActor(string name, LiveTarget target, string apiKey, string token) : IAsyncDisposable
{
    public string Name => name;

    public LiveSocket Socket { get; } = new();

    public Task ConnectAsync(CancellationToken cancellationToken) => Socket.ConnectAsync(target.Url, apiKey, cancellationToken);

    public Task<string?> JoinAsync(string topic, bool hasPresence, CancellationToken cancellationToken) =>
        Socket.JoinAsync(topic, token, hasPresence, cancellationToken);

    // Null when the function answered, else why not.
    public async Task<string?> SendMessageAsync(HttpClient http, Guid conversationId, Guid id, CancellationToken cancellationToken)
    {
        JsonObject arguments = new()
        {
            ["p_conversation_id"] = conversationId.ToString(),
            ["p_id"] = id.ToString(),
            ["p_content"] = "Campfire doctor",
        };
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri($"{target.Url.AbsoluteUri.TrimEnd('/')}/rest/v1/rpc/campfire_send_message"));
        request.Headers.Add("apikey", apiKey);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Content = new StringContent(arguments.ToJsonString(), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
            return null;
        string body = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        return $"HTTP {(int)response.StatusCode}{MessageOf(body)}";
    }

    public ValueTask DisposeAsync() => Socket.DisposeAsync();

    private static string MessageOf(string body)
    {
        try
        {
            return JsonNode.Parse(body)?["message"] is JsonValue message ? $": {message}" : "";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return "";
        }
    }
}

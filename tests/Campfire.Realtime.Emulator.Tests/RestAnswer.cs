using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// An answer of /rest/v1, and plain HTTP requests that get one.
internal sealed record RestAnswer(int Status, string Text, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    private static readonly HttpClient _http = new();

    public JsonNode? Json => Text.Length == 0 ? null : JsonNode.Parse(Text);

    public string? Code => (string?)Json!["code"];

    public string? ContentRange => ContentHeaders.TryGetValues("Content-Range", out var values) ? values.Single() : null;

    public static Task<RestAnswer> PostAsync(
        CampfireEmulator emulator, string path, string body, string? token = null, string? key = null, string contentType = "application/json", params (string Name, string Value)[] headers) =>
        SendAsync(emulator, HttpMethod.Post, path, new ByteArrayContent(Encoding.UTF8.GetBytes(body)), token, key, contentType, headers);

    public static Task<RestAnswer> GetAsync(CampfireEmulator emulator, string path, string? token = null, params (string Name, string Value)[] headers) =>
        SendAsync(emulator, HttpMethod.Get, path, content: null, token, key: null, contentType: "", headers);

    public static async Task<RestAnswer> SendAsync(
        CampfireEmulator emulator,
        HttpMethod method,
        string path,
        HttpContent? content,
        string? token = null,
        string? key = null,
        string contentType = "application/json",
        params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(emulator.Url, "/rest/v1/" + path)) { Content = content };
        if (contentType.Length > 0)
            content?.Headers.TryAddWithoutValidation("Content-Type", contentType);
        if (key != "")
            request.Headers.Add("apikey", key ?? emulator.PublishableKey);
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _http.SendAsync(request);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers, response.Content.Headers);
    }

    public static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}

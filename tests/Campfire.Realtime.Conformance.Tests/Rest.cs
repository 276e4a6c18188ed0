using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Campfire.Realtime.Conformance.Tests;

internal static class Rest
{
    private static readonly HttpClient _http = new();

    public static Task<(HttpStatusCode Status, string Body)> PostJsonAsync(string path, string json, string? token = null) =>
        PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), token);

    public static async Task<(HttpStatusCode Status, string Body)> PostAsync(string path, HttpContent content, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Target.RealtimeUrl, $"{Target.ApiPath}/{path}")) { Content = content };
        request.Headers.Add("apikey", Target.AnonKey);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? Target.AnonKey);
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public static ByteArrayContent Bytes(params byte[] bytes)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return content;
    }
}

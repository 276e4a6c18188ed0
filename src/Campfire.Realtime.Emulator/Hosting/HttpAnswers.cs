using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Hosting;

internal static class HttpAnswers
{
    public const string Json = "application/json; charset=utf-8";

    private static readonly JsonSerializerOptions _relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Task WriteJsonAsync(HttpResponse response, JsonNode body)
    {
        response.ContentType = Json;
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString(_relaxed));
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes).AsTask();
    }

    public static Task WriteJsonAsync(HttpResponse response, int status, JsonNode body)
    {
        response.StatusCode = status;
        return WriteJsonAsync(response, body);
    }
}

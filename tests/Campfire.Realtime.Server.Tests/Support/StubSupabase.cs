using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Tests.Support;

internal sealed record StubRequest(string Path, string Query, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>An HTTP server that answers as Supabase does in trouble, which the emulator cannot be brought into.</summary>
internal sealed class StubSupabase : IAsyncDisposable
{
    public const string ServiceKey = "sb_secret_0123456789abcdef";
    public const string ApiKey = "sb_publishable_0123456789abcdef";
    public const string JwtSecret = "stub-secret-with-at-least-32-characters";

    private readonly WebApplication _app;

    private StubSupabase(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.Single());

    public ConcurrentQueue<StubRequest> Requests { get; } = new();

    public static async Task<StubSupabase> StartAsync(Func<HttpContext, Task> answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        var stub = new StubSupabase(app);
        app.Run(async context =>
        {
            using var body = new StreamReader(context.Request.Body, Encoding.UTF8);
            HttpRequest request = context.Request;
            stub.Requests.Enqueue(new StubRequest(
                request.Path, request.QueryString.Value ?? "", await body.ReadToEndAsync(),
                request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
            await answer(context);
        });
        await app.StartAsync();
        return stub;
    }

    public static Func<HttpContext, Task> Always(int status, string body = "", string mediaType = "application/json") => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        await context.Response.WriteAsync(body);
    };

    public void Use(CampfireServerOptions options)
    {
        options.Url = Url;
        options.ApiKey = ApiKey;
        options.ServiceKey = ServiceKey;
        options.JwtSecret = JwtSecret;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}

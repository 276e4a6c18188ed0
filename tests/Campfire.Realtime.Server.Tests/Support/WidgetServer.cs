using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Tests.Support;

/// <summary>The server SDK on a real Kestrel, in front of the emulator unless the options say otherwise.</summary>
internal sealed class WidgetServer : IAsyncDisposable
{
    private const int SupabaseRefusedEventId = 2001;

    private readonly WebApplication _app;

    private WidgetServer(WebApplication app, LogRecorder logs)
    {
        _app = app;
        Logs = logs;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()), Timeout = Deadline.Long };
    }

    public HttpClient Http { get; }

    public LogRecorder Logs { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<WidgetServer> StartAsync(
        Action<CampfireServerOptions>? configure = null, Action<CampfireServerBuilder>? authorize = null, TimeProvider? time = null)
    {
        var logs = new LogRecorder();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(logs).SetMinimumLevel(LogLevel.Trace);
        if (time is not null)
            builder.Services.AddSingleton(time);
        CampfireServerBuilder campfire = builder.Services.AddCampfireServer(options =>
        {
            UseEmulator(options);
            configure?.Invoke(options);
        });
        (authorize ?? (server => server.AuthorizeWidgetsByKey()))(campfire);

        WebApplication app = builder.Build();
        app.MapCampfire("/api");
        await app.StartAsync();
        return new WidgetServer(app, logs);
    }

    public static void UseEmulator(CampfireServerOptions options)
    {
        options.Url = ServerTestsSetUp.Emulator.Url;
        options.ApiKey = ServerTestsSetUp.Emulator.AnonKey;
        options.ServiceKey = ServerTestsSetUp.Emulator.ServiceKey;
        options.JwtSecret = ServerTestsSetUp.Emulator.JwtSecret;
        options.WidgetAuthRequestsPerMinute = 1_000_000;
    }

    public Task<Reply> PostAsync(string path, object body, string? token = null, string? origin = null) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body), token, origin);

    public Task<Reply> PostTextAsync(string path, string body, string? token = null, string mediaType = "application/json") =>
        SendAsync(HttpMethod.Post, path, new StringContent(body, Encoding.UTF8, mediaType), token);

    public Task<Reply> GetAsync(string path, string? token = null) => SendAsync(HttpMethod.Get, path, content: null, token);

    public async Task<Reply> SendAsync(HttpMethod method, string path, HttpContent? content, string? token = null, string? origin = null)
    {
        using var request = new HttpRequestMessage(method, "/api/widget/" + path) { Content = content };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (origin is not null)
            request.Headers.Add("Origin", origin);
        using HttpResponseMessage response = await Http.SendAsync(request);
        return await Reply.ReadAsync(response);
    }

    /// <summary>Lets a new visitor in and returns what the server answered.</summary>
    public async Task<Session> OpenSessionAsync(string widgetKey)
    {
        Reply reply = await PostAsync("auth", new { widgetKey, name = "Ada" });
        Assert.That(reply.Status, Is.EqualTo(200), reply.Text);
        return Session.Of(reply.Json);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        Assert.That(
            Logs.Records.Where(record => record.Level >= LogLevel.Error && record.Id.Id != SupabaseRefusedEventId), Is.Empty, "The server logged errors.");
    }
}

internal sealed record Session(Guid OrganizationId, Guid ConversationId, Guid VisitorId, string Token)
{
    public static Session Of(JsonNode json) => new(
        json["organizationId"]!.GetValue<Guid>(), json["conversationId"]!.GetValue<Guid>(), json["visitorId"]!.GetValue<Guid>(),
        json["accessToken"]!.GetValue<string>());
}

internal sealed record Reply(int Status, string? MediaType, string Text, HttpResponseHeaders Headers)
{
    public JsonNode Json => JsonNode.Parse(Text)!;

    public static async Task<Reply> ReadAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync(), response.Headers);

    public void AssertProblem(int status, string code, string? detail = null)
    {
        Assert.That(Status, Is.EqualTo(status), Text);
        Assert.That(MediaType, Is.EqualTo("application/problem+json"), Text);
        Assert.That(Json["code"]!.GetValue<string>(), Is.EqualTo(code), Text);
        Assert.That(Json["status"]!.GetValue<int>(), Is.EqualTo(status), Text);
        Assert.That(Json["title"]!.GetValue<string>(), Is.Not.Empty, Text);
        Assert.That(Json["detail"]!.GetValue<string>(), detail is null ? Is.Not.Empty : Does.Contain(detail), Text);
        Assert.That(Text, Does.Not.Contain("Exception").And.Not.Contain("   at ").And.Not.Contain("System."));
    }
}

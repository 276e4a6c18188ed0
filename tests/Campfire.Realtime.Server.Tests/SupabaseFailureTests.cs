using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Campfire.Realtime.Server.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class SupabaseFailureTests
{
    private static readonly object _auth = new { widgetKey = "wk_12345678" };

    [Test]
    public async Task An_unreachable_supabase_is_reported_as_503_at_every_endpoint()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        await using WidgetServer server = await WidgetServer.StartAsync(options => options.Url = new Uri($"http://127.0.0.1:{port}"));
        string token = TokenOf(server);

        (await server.PostAsync("auth", _auth)).AssertProblem(503, "campfire_unavailable");
        (await server.GetAsync("messages", token)).AssertProblem(503, "campfire_unavailable");
        (await server.PostAsync("messages", new { content = "hello" }, token)).AssertProblem(503, "campfire_unavailable");
        (await server.PostAsync("read", new { readThrough = 1 }, token)).AssertProblem(503, "campfire_unavailable");
        (await server.PostAsync("typing", new { isTyping = true }, token)).AssertProblem(503, "campfire_unavailable");
        Assert.That(server.Logs.Records.Count(record => record.Id.Id == 2002), Is.EqualTo(5));
    }

    [Test]
    public async Task A_supabase_that_does_not_answer_is_reported_as_503_after_the_timeout()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(context => UntilAbortedAsync(context));
        await using WidgetServer server = await WidgetServer.StartAsync(options =>
        {
            supabase.Use(options);
            options.RequestTimeout = TimeSpan.FromMilliseconds(200);
        });

        (await server.PostAsync("auth", _auth)).AssertProblem(503, "campfire_unavailable");
    }

    [TestCase(500, "<html>Internal Server Error</html>", "text/html", 503, "campfire_unavailable")]
    [TestCase(502, "bad gateway", "text/plain", 503, "campfire_unavailable")]
    [TestCase(429, """{"message":"slow down"}""", "application/json", 429, "campfire_rate_limited")]
    [TestCase(429, """{"code":"PT429","message":"campfire_rate_limited","details":"10 messages in 10 s","hint":"Wait."}""", "application/json", 429, "campfire_rate_limited")]
    [TestCase(401, """{"message":"Invalid API key"}""", "application/json", 502, "campfire_upstream")]
    [TestCase(401, """{"code":"PGRST301","message":"JWSError JWSInvalidSignature"}""", "application/json", 502, "campfire_upstream")]
    [TestCase(404, """{"code":"PGRST202","message":"Could not find the function"}""", "application/json", 502, "campfire_upstream")]
    [TestCase(403, """{"code":"42501","message":"permission denied for function"}""", "application/json", 502, "campfire_upstream")]
    [TestCase(302, "", "text/plain", 502, "campfire_upstream")]
    [TestCase(200, "<html>hello</html>", "text/html", 503, "campfire_unavailable")]
    [TestCase(200, "<html>hello</html>", "application/json", 502, "campfire_upstream")]
    [TestCase(200, "{}", "application/json", 502, "campfire_upstream")]
    [TestCase(200, "null", "application/json", 502, "campfire_upstream")]
    public async Task An_answer_that_the_widget_cannot_help_is_not_its_fault(int status, string body, string mediaType, int expected, string code)
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(status, body, mediaType));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        Reply reply = await server.PostAsync("auth", _auth);

        reply.AssertProblem(expected, code);
        Assert.That(reply.Text, Does.Not.Contain("PGRST").And.Not.Contain("html"));
        Assert.That(reply.Headers.RetryAfter is not null, Is.EqualTo(expected == 429));
        Assert.That(server.Logs.Records.Any(record => record.Level == LogLevel.Error), Is.EqualTo(expected == 502));
        Assert.That(server.Logs.Records.Select(record => record.Text), Has.None.Contain(StubSupabase.ServiceKey));
    }

    [Test]
    public async Task A_redirect_is_not_followed_because_it_would_carry_the_service_key_away()
    {
        await using StubSupabase elsewhere = await StubSupabase.StartAsync(StubSupabase.Always(200, "{}"));
        await using StubSupabase supabase = await StubSupabase.StartAsync(context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = elsewhere.Url.AbsoluteUri;
            return Task.CompletedTask;
        });
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        (await server.PostAsync("auth", _auth)).AssertProblem(502, "campfire_upstream");

        Assert.That(elsewhere.Requests, Is.Empty);
    }

    [Test]
    public async Task A_visitor_token_that_supabase_refuses_is_reported_as_401()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(401, """{"code":"PGRST303","message":"JWT expired"}"""));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        (await server.GetAsync("messages", TokenOf(server))).AssertProblem(401, "campfire_invalid_token");
    }

    [Test]
    public async Task A_row_that_cannot_be_read_is_left_out_and_hides_no_other()
    {
        string row = $$"""{"sequence":SEQ,"id":"{{Guid.NewGuid()}}","conversation_id":"{{Guid.NewGuid()}}","organization_id":"{{Guid.NewGuid()}}","content":CONTENT,"sender_type":"agent","attachments":[],"metadata":{},"created_at":"2026-01-01T00:00:00.000000Z"}""";
        string good = row.Replace("SEQ", "3").Replace("CONTENT", "\"good\"");
        string bad = row.Replace("SEQ", "2").Replace("CONTENT", "[]");
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(200, $$"""{"messages":[{{good}},{{bad}}],"has_more":false}"""));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        Reply reply = await server.GetAsync("messages", TokenOf(server));

        Assert.That(reply.Status, Is.EqualTo(200), reply.Text);
        Assert.That(reply.Json["messages"]!.AsArray().Single()!["content"]!.GetValue<string>(), Is.EqualTo("good"));
        Assert.That(reply.Json["cursor"]!.GetValue<long>(), Is.EqualTo(2));
        Assert.That(server.Logs.Records.Count(record => record.Id.Id == 2012), Is.EqualTo(1));
    }

    [Test]
    public async Task The_visitors_calls_carry_his_token_and_never_the_service_key()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(200, """{"messages":[],"has_more":false}"""));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);
        string token = TokenOf(server);

        await server.GetAsync("messages", token);

        StubRequest request = supabase.Requests.Single();
        Assert.That(request.Path, Is.EqualTo("/rest/v1/rpc/campfire_messages"));
        Assert.That(request.Headers["Authorization"], Is.EqualTo("Bearer " + token));
        Assert.That(request.Headers["apikey"], Is.EqualTo(StubSupabase.ApiKey));
    }

    [Test]
    public async Task A_widget_that_gives_up_ends_the_call_of_supabase()
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using StubSupabase supabase = await StubSupabase.StartAsync(async context =>
        {
            called.SetResult();
            await UntilAbortedAsync(context);
            aborted.SetResult();
        });
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);
        using var cancellation = new CancellationTokenSource();

        Task<HttpResponseMessage> call = server.Http.PostAsJsonAsync("/api/widget/auth", _auth, cancellation.Token);
        await called.Task.WaitAsync(Deadline.Long);
        await cancellation.CancelAsync();

        await aborted.Task.WaitAsync(Deadline.Long);
        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(server.Logs.Records.Select(record => record.Level), Has.None.GreaterThanOrEqualTo(LogLevel.Warning));
    }

    private static async Task UntilAbortedAsync(HttpContext context)
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration _ = context.RequestAborted.Register(aborted.SetResult);
        await aborted.Task.WaitAsync(Deadline.Long);
    }

    private static string TokenOf(WidgetServer server) =>
        server.Services.GetRequiredService<WidgetTokenIssuer>().Issue(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid()).AccessToken;
}

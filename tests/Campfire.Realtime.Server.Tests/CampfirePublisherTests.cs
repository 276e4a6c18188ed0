using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Server.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed partial class CampfirePublisherTests
{
    private static readonly ChannelName _channel = ChannelName.ConversationTyping(Guid.NewGuid(), Guid.NewGuid());

    [Test]
    public async Task An_event_goes_to_its_own_endpoint_as_it_is()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(202));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        await PublishAsync(server, new Note("Grüße 👋"));

        StubRequest request = supabase.Requests.Single();
        Assert.That(request.Path, Is.EqualTo($"/realtime/v1/api/broadcast/{_channel.Topic}/events/typing:start"));
        Assert.That(request.Query, Is.EqualTo("?private=true"));
        Assert.That(JsonNode.Parse(request.Body)!["text"]!.GetValue<string>(), Is.EqualTo("Grüße 👋"));
        Assert.That(request.Headers["apikey"], Is.EqualTo(StubSupabase.ServiceKey));
        Assert.That(request.Headers["Content-Type"], Is.EqualTo("application/json"));
        Assert.That(request.Headers.ContainsKey("Authorization"), Is.False, "An opaque key is no token.");
    }

    [Test]
    public async Task A_service_key_that_is_a_token_is_also_sent_as_bearer()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(202));
        await using WidgetServer server = await WidgetServer.StartAsync(options =>
        {
            supabase.Use(options);
            options.ServiceKey = ServerTestsSetUp.Emulator.ServiceKey;
        });

        await PublishAsync(server, new Note("x"));

        Assert.That(supabase.Requests.Single().Headers["Authorization"], Is.EqualTo("Bearer " + ServerTestsSetUp.Emulator.ServiceKey));
    }

    [Test]
    public async Task An_older_realtime_gets_the_event_as_a_batch_of_one()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path.Value!.EndsWith("/broadcast", StringComparison.Ordinal) ? 202 : 404;
            return Task.CompletedTask;
        });
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        await PublishAsync(server, new Note("x"));

        AssertBatchOfOne(supabase.Requests.Last(), """{"text":"x"}""");
    }

    [Test]
    public async Task A_payload_that_the_single_endpoint_would_take_for_parameters_goes_as_a_batch()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(202));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        await server.Services.GetRequiredService<ICampfirePublisher>().PublishAsync(
            _channel, EventNames.TypingStart, new Secretive(false), NoteJsonContext.Default.Secretive);

        AssertBatchOfOne(supabase.Requests.Single(), """{"private":false}""");
    }

    [TestCase(401, """{"message":"Unauthorized"}""", CampfireErrorCode.InvalidApiKey, 1)]
    [TestCase(403, """{"message":"Unauthorized"}""", CampfireErrorCode.AccessDenied, 1)]
    [TestCase(422, """{"errors":{"payload":["Payload size exceeds tenant limit"]}}""", CampfireErrorCode.Invalid, 1)]
    [TestCase(422, """{"message":"RLS policy error"}""", CampfireErrorCode.Invalid, 1)]
    [TestCase(422, """{"message":"Tenant database unavailable"}""", CampfireErrorCode.Unavailable, 4)]
    [TestCase(429, """{"message":"Too many requests"}""", CampfireErrorCode.RateLimited, 4)]
    [TestCase(413, "", CampfireErrorCode.Invalid, 1)]
    [TestCase(500, "<html>", CampfireErrorCode.Unavailable, 4)]
    [TestCase(302, "", CampfireErrorCode.ProtocolViolation, 1)]
    public async Task A_refusal_is_typed_and_only_a_transient_one_is_tried_again(int status, string body, CampfireErrorCode code, int attempts)
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(status, body));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        var refusal = Assert.ThrowsAsync<CampfireException>(() => PublishAsync(server, new Note("x")));

        Assert.That(refusal!.Code, Is.EqualTo(code));
        Assert.That(supabase.Requests, Has.Count.EqualTo(attempts));
        Assert.That(refusal.ToString(), Does.Not.Contain(StubSupabase.ServiceKey));
    }

    [Test]
    public async Task A_transient_failure_is_survived()
    {
        int calls = 0;
        await using StubSupabase supabase = await StubSupabase.StartAsync(context =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref calls) < 3 ? 503 : 202;
            return Task.CompletedTask;
        });
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);

        await PublishAsync(server, new Note("x"));

        Assert.That(calls, Is.EqualTo(3));
    }

    [Test]
    public async Task Cancellation_ends_the_call()
    {
        var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using StubSupabase supabase = await StubSupabase.StartAsync(async context =>
        {
            await using CancellationTokenRegistration _ = context.RequestAborted.Register(aborted.SetResult);
            called.SetResult();
            await aborted.Task.WaitAsync(Deadline.Long);
        });
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);
        using var cancellation = new CancellationTokenSource();

        Task call = server.Services.GetRequiredService<ICampfirePublisher>().PublishAsync(
            _channel, EventNames.TypingStart, new Note("x"), NoteJsonContext.Default.Note, cancellation.Token);
        await called.Task.WaitAsync(Deadline.Long);
        await cancellation.CancelAsync();

        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        await aborted.Task.WaitAsync(Deadline.Long);
    }

    [Test]
    public async Task A_wrong_name_or_a_payload_that_is_no_object_is_misuse()
    {
        await using StubSupabase supabase = await StubSupabase.StartAsync(StubSupabase.Always(202));
        await using WidgetServer server = await WidgetServer.StartAsync(supabase.Use);
        var publisher = server.Services.GetRequiredService<ICampfirePublisher>();

        Assert.That(async () => await publisher.PublishAsync(_channel, "Typing Start", new Note("x"), NoteJsonContext.Default.Note), Throws.ArgumentException);
        Assert.That(async () => await publisher.PublishAsync(_channel, "a:b", 5, NoteJsonContext.Default.Int32), Throws.ArgumentException);
        Assert.That(supabase.Requests, Is.Empty);
    }

    private static Task PublishAsync(WidgetServer server, Note note) =>
        server.Services.GetRequiredService<ICampfirePublisher>().PublishAsync(_channel, EventNames.TypingStart, note, NoteJsonContext.Default.Note);

    private static void AssertBatchOfOne(StubRequest request, string payload)
    {
        Assert.That(request.Path, Is.EqualTo("/realtime/v1/api/broadcast"));
        JsonNode message = JsonNode.Parse(request.Body)!["messages"]!.AsArray().Single()!;
        Assert.That(message["topic"]!.GetValue<string>(), Is.EqualTo(_channel.Topic));
        Assert.That(message["event"]!.GetValue<string>(), Is.EqualTo("typing:start"));
        Assert.That(message["private"]!.GetValue<bool>(), Is.True);
        Assert.That(message["payload"]!.ToJsonString(), Is.EqualTo(payload));
    }

    internal sealed record Note(string Text);

    internal sealed record Secretive(bool Private);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(Note))]
    [JsonSerializable(typeof(Secretive))]
    [JsonSerializable(typeof(int))]
    internal sealed partial class NoteJsonContext : JsonSerializerContext;
}

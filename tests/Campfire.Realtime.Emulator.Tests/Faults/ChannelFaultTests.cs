using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Emulator.Tests.Faults;

[Parallelizable(ParallelScope.Self)]
public sealed class ChannelFaultTests : FaultFixture
{
    private static readonly JsonSerializerOptions _relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Test]
    public async Task A_closed_channel_leaves_the_socket_open()
    {
        await using var member = await JoinAsync(NewTopic());
        await using var bystander = await JoinAsync(NewTopic());

        Faults.CloseChannel(member.Topic);

        Assert.That((await member.Socket.NextAsync()).Text, Is.EqualTo($$"""["{{member.JoinRef}}","{{member.JoinRef}}","{{member.Topic}}","phx_close",{}]"""));
        Assert.That((await member.Socket.JoinAsync(member.Topic)).Reply["status"]!.ToString(), Is.EqualTo("ok"));
        await bystander.BarrierAsync();
        Assert.That(bystander.Socket.Unread, Is.Empty);
        AssertRecorded(EmulatorFaultKind.ChannelClosed, member.Topic, affected: 1, detail: null);
    }

    [Test]
    public async Task Expired_tokens_close_every_channel_and_no_socket()
    {
        const string Expired = "Token has expired 0 seconds ago";
        var topic = NewTopic();
        await using var socket = await ConnectAsync();
        var (withToken, _) = await socket.JoinAsync(topic, token: Emulator.CreateAgentToken(Guid.NewGuid()));
        await using var withKey = await JoinAsync(NewTopic());

        Faults.ExpireTokens();

        await AssertClosedAsync(new Member(socket, topic, withToken), Expired);
        await AssertClosedAsync(withKey, Expired);
        Assert.That((await socket.JoinAsync(topic)).Reply["status"]!.ToString(), Is.EqualTo("ok"));
        Assert.That(Faults.Injected.Select(fault => (fault.Kind, "realtime:" + fault.Topic, fault.Detail)), Is.EquivalentTo(new[]
        {
            (EmulatorFaultKind.TokenExpired, topic, Expired),
            (EmulatorFaultKind.TokenExpired, withKey.Topic, Expired),
        }));
    }

    [Test]
    public async Task A_rate_limit_closes_the_receivers_of_its_topic_once()
    {
        await using var member = await JoinAsync(NewTopic());
        await using var bystander = await JoinAsync(NewTopic());

        Faults.RateLimit(SubTopicOf(member.Topic));

        await AssertClosedAsync(member, "Too many messages per second");
        AssertRecorded(EmulatorFaultKind.RateLimited, member.Topic, affected: 1, "Too many messages per second");
        await using var successor = await JoinAsync(member.Topic);
        using var answer = await PostBatchAsync(member.Topic, 1);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        Assert.That(await successor.UpToAsync(1), Is.EqualTo(new[] { 1 }));
        await bystander.BarrierAsync();
        Assert.That(bystander.Socket.Unread, Is.Empty);
    }

    [Test]
    public async Task A_lasting_rate_limit_closes_receivers_refuses_requests_and_drops_rows()
    {
        var topic = NewTopic();
        await using var elsewhere = await JoinAsync(NewTopic());
        Faults.RateLimit(topic, TimeSpan.FromHours(1));
        await using var sender = await JoinAsync(topic, self: false, ack: true);
        await using var receiver = await JoinAsync(topic, self: false);

        using var batch = await PostBatchAsync(topic, 1, 2);
        using var single = await PostSingleAsync(topic, Json(1));
        await SendFromDatabaseAsync(topic, 3);
        await SendFromDatabaseAsync(elsewhere.Topic, 4);
        // The stream keeps the order, so the row before has been dropped by now.
        await elsewhere.UpToAsync(4);
        await receiver.BarrierAsync();
        Assert.That(receiver.Socket.Unread, Is.Empty);
        var reply = await sender.Socket.ReplyToAsync(await sender.Socket.PushAsync(topic, "broadcast", new JsonObject { ["event"] = "e" }, sender.JoinRef));

        Assert.That((string?)reply.Payload!["status"], Is.EqualTo("ok"));
        await AssertClosedAsync(receiver, "Too many messages per second");
        await sender.BarrierAsync();
        Assert.That(sender.Socket.Unread, Is.Empty);
        foreach (var answer in (HttpResponseMessage[])[batch, single])
        {
            Assert.That((int)answer.StatusCode, Is.EqualTo(429));
            Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("""{"message":"You have exceeded your rate limit"}"""));
        }
        Assert.That(Faults.Injected.Select(fault => (fault.Kind, fault.Topic, fault.Affected)), Is.EqualTo(new[]
        {
            (EmulatorFaultKind.RateLimited, SubTopicOf(topic), 0),
            (EmulatorFaultKind.RateLimited, SubTopicOf(topic), 1),
            (EmulatorFaultKind.RateLimited, SubTopicOf(topic), 1),
            (EmulatorFaultKind.RateLimited, SubTopicOf(topic), 0),
            (EmulatorFaultKind.RateLimited, SubTopicOf(topic), 1),
        }));
        Faults.Clear();
        using var afterwards = await PostBatchAsync(topic, 5);
        Assert.That(afterwards.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    [Test]
    public async Task A_rate_limit_ends_after_its_time()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, TimeProvider = time });
        emulator.Faults.RateLimit("a", TimeSpan.FromSeconds(60));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.That(await StatusAsync(), Is.EqualTo(429));

        time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(await StatusAsync(), Is.EqualTo(202));

        async Task<int> StatusAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(emulator.Url, "/realtime/v1/api/broadcast/a/events/e")) { Content = Json(1) };
            request.Headers.Add("apikey", emulator.AnonKey);
            using var client = new HttpClient();
            using var answer = await client.SendAsync(request);
            return (int)answer.StatusCode;
        }
    }

    [TestCase("Unauthorized", "Unauthorized: You do not have permissions to read from this Channel topic: {topic}")]
    [TestCase("InitializingProjectConnection", "InitializingProjectConnection: Realtime is initializing the project connection")]
    [TestCase("DatabaseLackOfConnections", "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect")]
    [TestCase("TopicNameRequired", "TopicNameRequired: You must provide a topic name")]
    [TestCase("RealtimeRestarting", "RealtimeRestarting: Realtime is restarting, please standby")]
    [TestCase("PrivateOnly", "PrivateOnly: This project only allows private channels")]
    [TestCase("ConnectionRateLimitReached", "ConnectionRateLimitReached: Too many connected users")]
    [TestCase("ChannelRateLimitReached", "ChannelRateLimitReached: Too many channels")]
    [TestCase("InvalidJWTToken", "InvalidJWTToken: Token has expired 0 seconds ago")]
    [TestCase("MalformedJWT", "MalformedJWT: The token provided is not a valid JWT")]
    [TestCase("JwtSignatureError", "JwtSignatureError: Failed to validate JWT signature")]
    [TestCase("JwtSignerError", "JwtSignerError: Failed to generate JWT signer, check your JWT secret or JWKS configuration")]
    [TestCase("UnableToReplayMessages", "UnableToReplayMessages: Realtime was unable to replay messages")]
    [TestCase("DatabaseConnectionRateLimitReached", "DatabaseConnectionRateLimitReached: Too many database connections attempts per second")]
    [TestCase("IncreaseConnectionPool", "IncreaseConnectionPool: Please increase your connection pool size")]
    [TestCase("UnableToConnectToProject", "UnableToConnectToProject: Realtime was unable to connect to the project database")]
    [TestCase("MissingPartition", "MissingPartition: Realtime was unable to find the expected messages partition")]
    [TestCase("TimeoutOnRpcCall", "TimeoutOnRpcCall: Node request timeout")]
    [TestCase("RealtimeDisabledForTenant", "RealtimeDisabledForTenant: Realtime disabled for this tenant")]
    [TestCase("InitializingProjectConnection: Connecting to the project database", "InitializingProjectConnection: Connecting to the project database")]
    [TestCase("Unknown Error on Channel", "Unknown Error on Channel")]
    [TestCase("Realtime was unable to connect to the project database", "Realtime was unable to connect to the project database")]
    [TestCase("unmatched topic", "unmatched topic")]
    [TestCase("join crashed", "join crashed")]
    public async Task Refused_joins_carry_the_reason_of_their_code(string given, string reason)
    {
        var topic = NewTopic();
        await using var socket = await ConnectAsync();
        Faults.RefuseJoins(given, 2);

        var answers = new List<string?>();
        for (var i = 0; i < 3; i++)
            answers.Add((await socket.JoinAsync(topic)).Reply.ToJsonString(_relaxed));

        var expected = reason.Replace("{topic}", SubTopicOf(topic), StringComparison.Ordinal);
        var refusal = $$$"""{"status":"error","response":{"reason":"{{{expected}}}"}}""";
        Assert.That(answers, Is.EqualTo(new[] { refusal, refusal, """{"status":"ok","response":{"postgres_changes":[]}}""" }));
        Assert.That(Faults.Injected.Select(fault => (fault.Kind, fault.Topic, fault.Detail)), Is.EqualTo(
            Enumerable.Repeat((EmulatorFaultKind.JoinRefused, SubTopicOf(topic), expected), 2)));
    }

    [TestCase("ClientJoinRateLimitReached", "ClientJoinRateLimitReached: Too many joins per second")]
    [TestCase("TenantNotFound", "TenantNotFound: Tenant with the given ID does not exist")]
    public async Task Refusals_of_the_whole_socket_are_followed_by_1001(string code, string reason)
    {
        await using var socket = await ConnectAsync();
        Faults.RefuseJoins(code);

        var (_, reply) = await socket.JoinAsync(NewTopic());

        Assert.That((string?)reply["response"]!["reason"], Is.EqualTo(reason));
        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1001));
    }

    [Test]
    public async Task Clearing_forgets_refusals()
    {
        await using var socket = await ConnectAsync();
        Faults.RefuseJoins("Unauthorized", 5);

        Faults.Clear();

        Assert.That((string?)(await socket.JoinAsync(NewTopic())).Reply["status"], Is.EqualTo("ok"));
    }

    [Test]
    public void Bad_arguments_are_refused()
    {
        foreach (var topic in (string[])["", "realtime:"])
        {
            Assert.Throws<ArgumentException>(() => Faults.CloseChannel(topic));
            Assert.Throws<ArgumentException>(() => Faults.RateLimit(topic));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => Faults.RateLimit("a", TimeSpan.FromTicks(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Faults.RateLimit("a", TimeSpan.FromDays(2)));
        Assert.Throws<ArgumentException>(() => Faults.RefuseJoins(""));
        Assert.Throws<ArgumentOutOfRangeException>(() => Faults.RefuseJoins("Unauthorized", 0));
        // RlsPolicyError is a code of Realtime's log; no client ever sees it.
        var unknown = Assert.Throws<ArgumentException>(() => Faults.RefuseJoins("RlsPolicyError"))!;
        Assert.That(unknown.Message, Does.Contain("'RlsPolicyError'").And.Contain("Unauthorized"));
        Assert.That(Faults.Injected, Is.Empty);
    }

    private static async Task AssertClosedAsync(Member member, string message)
    {
        var system = await member.Socket.NextAsync();
        var close = await member.Socket.NextAsync();
        var payload = $$"""{"message":"{{message}}","status":"error","extension":"system","channel":"{{SubTopicOf(member.Topic)}}"}""";
        Assert.That(system.Text, Is.EqualTo($$"""["{{member.JoinRef}}",null,"{{member.Topic}}","system",{{payload}}]"""));
        Assert.That(close.Text, Is.EqualTo($$"""["{{member.JoinRef}}","{{member.JoinRef}}","{{member.Topic}}","phx_close",{}]"""));
    }

    private void AssertRecorded(EmulatorFaultKind kind, string topic, int affected, string? detail)
    {
        var fault = Faults.Injected.Single();
        Assert.That((fault.Kind, fault.Topic, fault.Affected, fault.Detail), Is.EqualTo((kind, SubTopicOf(topic), affected, detail)));
    }
}

using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class ConnectionTests
{
    private const int MaxMessageBytes = 5_000_000;

    [TestCase("/realtime/v1/websocket")]
    [TestCase("/socket/websocket")]
    public async Task Point_01_both_paths_accept_a_socket(string path)
    {
        if (!Target.IsEmulator && (await UpgradeRefusal.ReadAsync(new Uri(Target.RealtimeUrl, $"{path}?apikey={Target.AnonKey}"))).Status == HttpStatusCode.NotFound)
            Assert.Ignore("A gateway has the one path, a bare server the other.");
        await using var socket = await PlainSocket.ConnectAsync(Target.RealtimeUrl, Target.AnonKey, path: path);

        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_02_no_vsn_is_version_1()
    {
        await using var socket = await Target.ConnectAsync(vsn: null);

        await socket.SendAsync("""{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}""");

        Assert.That((await socket.NextAsync()).Json, Is.InstanceOf<JsonObject>());
    }

    [TestCase("3.0.0")]
    [TestCase("2.1.0")]
    [TestCase("1.1.0")]
    [TestCase("0.9.0")]
    [TestCase("2")]
    [TestCase("2.0")]
    [TestCase("2.0.0.0")]
    [TestCase("2.0.01")]
    [TestCase("two")]
    [TestCase("")]
    public async Task Point_02_an_unsupported_vsn_is_refused_with_403_and_no_body(string vsn)
    {
        var refusal = await Target.RefusalAsync($"?apikey={Target.AnonKey}&vsn={vsn}");

        Assert.That((refusal.Status, refusal.Body), Is.EqualTo((HttpStatusCode.Forbidden, "")));
    }

    [TestCase("2.0.5")]
    [TestCase("2.0.0%2Bbuild.7")]
    [TestCase("1.0.12")]
    public async Task Point_02_a_patch_version_is_accepted(string vsn)
    {
        await using var socket = await Target.ConnectAsync(vsn);

        var (_, reply) = await socket.JoinAsync($"realtime:{Guid.NewGuid()}");

        Assert.That(reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_03_the_x_api_key_header_beats_the_query()
    {
        await using var socket = await PlainSocket.ConnectAsync(
            Target.RealtimeUrl, "garbage", path: Target.SocketPath, configure: options => options.SetRequestHeader("x-api-key", Target.AnonKey));

        var (_, reply) = await socket.JoinAsync($"realtime:{Guid.NewGuid()}");

        Assert.That(reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_03_a_wrong_header_is_not_saved_by_the_query()
    {
        var refusal = await Target.RefusalAsync($"?vsn=2.0.0&apikey={Target.AnonKey}", apiKeyHeader: "garbage");

        Assert.That(refusal.Status, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase("?vsn=2.0.0")]
    [TestCase("?vsn=2.0.0&apikey=")]
    public async Task Point_04_a_missing_key_is_told(string query)
    {
        var refusal = await Target.RefusalAsync(query);

        Assert.That(refusal, Is.EqualTo(
            new UpgradeRefusal(HttpStatusCode.Unauthorized, "application/json; charset=utf-8", """{"error":"API key is missing"}""")));
    }

    [TestCaseSource(typeof(WrongTokens), nameof(WrongTokens.AtTheUpgrade))]
    public async Task Point_05_a_wrong_token_is_told(Func<string> token, string text)
    {
        var refusal = await Target.RefusalAsync($"?apikey={token()}&vsn=2.0.0");

        Assert.That((refusal.Status, refusal.ContentType), Is.EqualTo((HttpStatusCode.Unauthorized, "application/json; charset=utf-8")));
        Assert.That(JsonNode.Parse(refusal.Body)!.ToJsonString(), Is.EqualTo(new JsonObject { ["error"] = text }.ToJsonString()));
    }

    [Test]
    public async Task Point_05_a_token_may_be_broken_into_lines()
    {
        var token = Target.TokenFor("u");

        var refusal = await Target.RefusalAsync($"?apikey={token[..20]}%0A{token[20..]}%20&vsn=2.0.0");

        Assert.That(refusal.Status, Is.EqualTo(HttpStatusCode.SwitchingProtocols));
    }

    [Test]
    public async Task Point_07_a_message_over_five_million_bytes_closes_with_1009()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(new byte[MaxMessageBytes + 1]);

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1009));
    }

    [Test]
    public async Task Point_07_fragments_count_together()
    {
        await using var socket = await Target.ConnectAsync();

        for (var i = 0; i < 6; i++)
            await socket.SendAsync(new byte[MaxMessageBytes / 5], endOfMessage: false);

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1009));
    }

    [Test]
    public async Task Point_07_five_million_bytes_are_taken()
    {
        await using var socket = await Target.ConnectAsync();

        // No frame of any kind, and so dropped, but read.
        await socket.SendAsync(new string('x', MaxMessageBytes));
        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Point_08_a_silent_client_is_closed_as_recorded()
    {
        await using var session = RecordedFrameTests.NewSession();
        await session.PlayAsync("idle");
    }

    [Test]
    public async Task Point_11_compression_is_not_negotiated()
    {
        using var http = new HttpClient();
        using var request = UpgradeRefusal.Request(new Uri(Target.RealtimeUrl, $"{Target.SocketPath}?apikey={Target.AnonKey}&vsn=2.0.0"));
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", "phoenix");

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.SwitchingProtocols));
        Assert.That(response.Headers.Contains("Sec-WebSocket-Extensions"), Is.False);
        Assert.That(response.Headers.Contains("Sec-WebSocket-Protocol"), Is.False);
    }

    [Test]
    public async Task Point_11_no_ping_comes_before_the_close_of_a_silent_client()
    {
        using var http = new HttpClient();
        using var request = UpgradeRefusal.Request(new Uri(Target.RealtimeUrl, $"{Target.SocketPath}?apikey={Target.AnonKey}&vsn=2.0.0"));
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var connection = await response.Content.ReadAsStreamAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));

        var first = new byte[4];
        await connection.ReadExactlyAsync(first, deadline.Token);

        // FIN and opcode 8, two bytes of payload, 1000. A ping would be opcode 9.
        Assert.That(first, Is.EqualTo(new byte[] { 0x88, 2, 0x03, 0xE8 }));
    }
}

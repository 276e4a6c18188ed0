using System.Net;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class ConnectionTests
{
    [TestCase("/realtime/v1/websocket")]
    [TestCase("/socket/websocket")]
    public async Task C01_both_paths_accept_a_socket(string path)
    {
        await using var socket = await PlainSocket.ConnectAsync(Target.RealtimeUrl, Target.AnonKey, path: path);

        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.ReplyToAsync(reference)).Payload!["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C02_no_vsn_is_version_1()
    {
        await using var socket = await PlainSocket.ConnectAsync(Target.RealtimeUrl, Target.AnonKey, vsn: null);

        await socket.SendAsync("""{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}""");

        Assert.That((await socket.NextAsync()).Json, Is.InstanceOf<JsonObject>());
    }

    [TestCase("3.0.0")]
    [TestCase("2.1.0")]
    [TestCase("2")]
    public async Task C02_an_unsupported_vsn_is_refused_with_403_and_no_body(string vsn)
    {
        var (status, body) = await RefusalAsync($"?apikey={Target.AnonKey}&vsn={vsn}");

        Assert.That((status, body), Is.EqualTo((HttpStatusCode.Forbidden, "")));
    }

    [Test]
    public async Task C02_a_patch_version_is_accepted()
    {
        await using var socket = await Target.ConnectAsync("2.0.5");

        var (_, reply) = await socket.JoinAsync($"realtime:{Guid.NewGuid()}");

        Assert.That(reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C03_the_x_api_key_header_beats_the_query()
    {
        await using var socket = await PlainSocket.ConnectAsync(
            Target.RealtimeUrl, "garbage", configure: options => options.SetRequestHeader("x-api-key", Target.AnonKey));

        var (_, reply) = await socket.JoinAsync($"realtime:{Guid.NewGuid()}");

        Assert.That(reply["status"]!.ToString(), Is.EqualTo("ok"));
    }

    [Test]
    public async Task C04_a_missing_key_is_told()
    {
        var (status, body) = await RefusalAsync("?vsn=2.0.0");

        Assert.That((status, body), Is.EqualTo((HttpStatusCode.Unauthorized, """{"error":"API key is missing"}""")));
    }

    private static IEnumerable<TestCaseData> WrongTokens()
    {
        var future = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();
        yield return new TestCaseData(() => "garbage", "The token provided is not a valid JWT").SetArgDisplayNames("malformed");
        yield return new TestCaseData(() => Target.Sign(new() { ["role"] = "anon", ["exp"] = future }, "another secret"), "Failed to validate JWT signature")
            .SetArgDisplayNames("wrong signature");
        yield return new TestCaseData(() => Target.Sign(new() { ["role"] = "anon", ["exp"] = future - 7200 }), "Token has expired").SetArgDisplayNames("expired");
        yield return new TestCaseData(() => Target.Sign(new() { ["exp"] = future }), "Fields `role` and `exp` are required in JWT").SetArgDisplayNames("no role");
        yield return new TestCaseData(() => Target.Sign(new() { ["role"] = "anon" }), "Fields `role` and `exp` are required in JWT").SetArgDisplayNames("no exp");
    }

    [TestCaseSource(nameof(WrongTokens))]
    public async Task C05_a_wrong_token_is_told(Func<string> token, string text)
    {
        var (status, body) = await RefusalAsync($"?apikey={token()}&vsn=2.0.0");

        Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(JsonNode.Parse(body)!["error"]!.ToString(), Is.EqualTo(text));
    }

    [Test]
    public async Task C07_a_message_over_five_million_bytes_closes_with_1009()
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(new byte[5_000_001]);

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1009));
    }

    [Test]
    public async Task C11_compression_is_not_negotiated()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Target.RealtimeUrl, $"/realtime/v1/websocket?apikey={Target.AnonKey}&vsn=2.0.0"));
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Extensions", "permessage-deflate");

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.SwitchingProtocols));
        Assert.That(response.Headers.Contains("Sec-WebSocket-Extensions"), Is.False);
    }

    private static async Task<(HttpStatusCode Status, string Body)> RefusalAsync(string query)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Target.RealtimeUrl, "/realtime/v1/websocket" + query));
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        using var response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}

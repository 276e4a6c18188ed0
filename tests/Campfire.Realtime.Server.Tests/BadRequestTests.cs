using System.Net;
using System.Net.Sockets;
using System.Text;
using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class BadRequestTests
{
    private WidgetServer _server = null!;
    private Session _session = null!;

    private static readonly string[] _postEndpoints = ["auth", "messages", "typing", "read"];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await WidgetServer.StartAsync();
        _session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Malformed_json_is_refused(
        [ValueSource(nameof(_postEndpoints))] string path,
        [Values("", "{", "nope", "{} {}", "null", "[]", "5", "\"x\"", "{\"a\":}", "<html>", "\uFEFF{", "{\"a\":\"\u0001\"}")] string body) =>
        (await _server.PostTextAsync(path, body, _session.Token)).AssertProblem(400, "campfire_malformed");

    [Test]
    public async Task Json_that_is_nested_without_end_is_refused([ValueSource(nameof(_postEndpoints))] string path) =>
        (await _server.PostTextAsync(path, "{\"x\":" + new string('[', 5000), _session.Token)).AssertProblem(400, "campfire_malformed");

    [Test]
    public async Task Bytes_that_are_not_utf8_are_refused([ValueSource(nameof(_postEndpoints))] string path, [Values("content", "metadata")] string field)
    {
        string before = field == "metadata" ? "{\"content\":\"a\",\"metadata\":{\"k\":\"" : "{\"content\":\"";
        string after = field == "metadata" ? "\"}}" : "\"}";
        using var content = new ByteArrayContent([.. Encoding.UTF8.GetBytes(before), 0xC3, 0x28, .. Encoding.UTF8.GetBytes(after)]);
        content.Headers.ContentType = new("application/json");

        Reply reply = await _server.SendAsync(HttpMethod.Post, path, content, _session.Token);

        reply.AssertProblem(400, "campfire_malformed");
    }

    [Test]
    public async Task Another_content_type_is_refused(
        [ValueSource(nameof(_postEndpoints))] string path, [Values("text/plain", "application/x-www-form-urlencoded", "application/xml")] string mediaType) =>
        (await _server.PostTextAsync(path, "{}", _session.Token, mediaType)).AssertProblem(415, "campfire_unsupported_media_type");

    [Test]
    public async Task A_missing_content_type_or_another_charset_is_refused([ValueSource(nameof(_postEndpoints))] string path)
    {
        using var bare = new ByteArrayContent("{}"u8.ToArray());
        using var utf16 = new StringContent("{}", Encoding.Unicode, "application/json");

        (await _server.SendAsync(HttpMethod.Post, path, bare, _session.Token)).AssertProblem(415, "campfire_unsupported_media_type");
        (await _server.SendAsync(HttpMethod.Post, path, utf16, _session.Token)).AssertProblem(415, "campfire_unsupported_media_type");
    }

    [Test]
    public async Task A_body_of_a_megabyte_is_refused([ValueSource(nameof(_postEndpoints))] string path, [Values] bool isChunked)
    {
        using var content = new StringContent($$"""{"content":"{{new string('x', 1024 * 1024)}}"}""", Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/widget/" + path) { Content = content };
        request.Headers.Authorization = new("Bearer", _session.Token);
        request.Headers.TransferEncodingChunked = isChunked;

        using HttpResponseMessage response = await _server.Http.SendAsync(request);

        (await Reply.ReadAsync(response)).AssertProblem(413, "campfire_too_large");
    }

    [Test]
    public async Task A_body_that_is_announced_as_too_large_is_refused_before_it_is_sent()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, _server.Http.BaseAddress!.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            "POST /api/widget/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"));
        using var reader = new StreamReader(socket.GetStream());

        string? status = await reader.ReadLineAsync().WaitAsync(Deadline.Long);

        Assert.That(status, Does.StartWith("HTTP/1.1 413"));
    }

    [Test]
    public async Task A_refused_body_leaves_the_connection_usable([Values("nope", "{\"visitorId\":1}", "{}")] string body)
    {
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 1 };
        using var http = new HttpClient(handler) { BaseAddress = _server.Http.BaseAddress, Timeout = Deadline.Long };
        int connections = 0;
        handler.ConnectCallback = async (context, cancellationToken) =>
        {
            connections++;
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        };

        for (int i = 0; i < 5; i++)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await http.PostAsync("/api/widget/auth", content);
            (await Reply.ReadAsync(response)).AssertProblem(400, "campfire_malformed");
        }

        Assert.That(connections, Is.EqualTo(1));
    }

    [Test]
    public async Task A_body_that_breaks_off_stores_nothing_and_leaves_the_server_serving()
    {
        Session session = await _server.OpenSessionAsync(await Seed.WidgetKeyAsync());
        Uri address = _server.Http.BaseAddress!;
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(IPAddress.Loopback, address.Port);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"POST /api/widget/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {session.Token}\r\nContent-Type: application/json\r\n"
                + "Content-Length: 100\r\n\r\n{\"content\":\"half"));
        }

        Reply next = await _server.PostAsync("messages", new { content = "whole" }, session.Token);

        Assert.That(next.Status, Is.EqualTo(201));
        Assert.That(await Seed.MessageCountAsync(session.ConversationId), Is.EqualTo(1));
    }

    [Test]
    public async Task No_answer_and_no_log_line_holds_a_secret()
    {
        await using WidgetServer server = await WidgetServer.StartAsync();
        string widgetKey = await Seed.WidgetKeyAsync();
        Session session = await server.OpenSessionAsync(widgetKey);
        Reply[] replies =
        [
            await server.PostAsync("messages", new { content = "my password is hunter2" }, session.Token),
            await server.PostAsync("messages", new { content = "" }, session.Token),
            await server.PostTextAsync("messages", "{", session.Token),
            await server.GetAsync("messages", session.Token + "x"),
        ];

        foreach (Reply reply in replies)
            Assert.That(reply.Text, Does.Not.Contain(ServerTestsSetUp.Emulator.ServiceKey).And.Not.Contain(ServerTestsSetUp.Emulator.JwtSecret));
        string log = string.Join('\n', server.Logs.Records.Select(record => record.Text));
        Assert.That(log, Does.Contain("POST"));
        Assert.That(log, Does.Not.Contain(ServerTestsSetUp.Emulator.ServiceKey));
        Assert.That(log, Does.Not.Contain(ServerTestsSetUp.Emulator.JwtSecret));
        Assert.That(log, Does.Not.Contain(session.Token));
        Assert.That(log, Does.Not.Contain("hunter2"));
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Campfire.Realtime.Emulator.Tests;

// HTTP as nobody should send it. What is measured is the whole process, so nothing else may run.
[NonParallelizable]
public sealed class HostileRequestTests
{
    private const int Megabyte = 1_000_000;
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(60);
    private static readonly HttpClient _http = new() { Timeout = _deadline };
    private readonly LogCollector _log = new();
    private CampfireEmulator _emulator = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast, LoggerFactory = _log });
        await RestAnswer.ExecuteAsync(_emulator.ConnectionString, "create function public.alive() returns int language sql stable as $$ select 1 $$");
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _emulator.DisposeAsync();
        _log.Dispose();
    }

    [TestCase("/rest/v1/rpc/alive", true, "{\"code\":\"PGRST102\",")]
    [TestCase("/rest/v1/rpc/alive", false, "{\"code\":\"PGRST102\",")]
    [TestCase("/realtime/v1/api/broadcast", true, "{\"message\":\"Request Entity Too Large\"}")]
    [TestCase("/realtime/v1/api/broadcast", false, "{\"message\":\"Request Entity Too Large\"}")]
    [TestCase("/realtime/v1/api/broadcast/a/events/b", true, "{\"message\":\"Request Entity Too Large\"}")]
    public async Task A_body_of_100_megabytes_is_413_and_not_kept(string path, bool hasLength, string body)
    {
        var logged = _log.Entries.Count(entry => entry.Id == 3070);
        var before = GC.GetTotalAllocatedBytes(precise: true);

        var (status, text) = await SendAsync(HttpMethod.Post, path, new LargeContent(100, hasLength));

        Assert.That(status, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That(text, Does.StartWith(body));
        Assert.That(GC.GetTotalAllocatedBytes(precise: true) - before, Is.LessThan(60 * Megabyte));
        // The answer is there a moment before the log is.
        Assert.That(() => _log.Entries.Count(entry => entry.Id == 3070), Is.EqualTo(logged + 1).After(10_000, 20));
    }

    [TestCase("POST", "/", 404, "{\"error\":\"requested path is invalid\"}")]
    [TestCase("GET", "/rest/v2/messages", 404, "{\"error\":\"requested path is invalid\"}")]
    [TestCase("GET", "/auth/v1/user", 404, "{\"error\":\"requested path is invalid\"}")]
    [TestCase("GET", "/%ff%fe", 404, "{\"error\":\"requested path is invalid\"}")]
    [TestCase("GET", "/../../etc/passwd", 404, "{\"error\":\"requested path is invalid\"}")]
    [TestCase("GET", "/realtime/v1/api/broadcast", 404, "\"Not Found\"")]
    [TestCase("DELETE", "/realtime/v1/api/broadcast/a/events/b", 404, "\"Not Found\"")]
    [TestCase("POST", "/realtime/v1/api/broadcast/a/events", 404, "\"Not Found\"")]
    [TestCase("POST", "/realtime/v1/nonsense", 404, "\"Not Found\"")]
    [TestCase("POST", "/socket/longpoll", 404, "\"Not Found\"")]
    [TestCase("TRACE", "/rest/v1/rpc/alive", 405, "{\"code\":\"PGRST101\"")]
    [TestCase("GET", "/rest/v1/rpc/%ff%fe", 404, "{\"code\":\"PGRST202\"")]
    [TestCase("GET", "/rest/v1/rpc/alive%27;drop%20table%20x;--", 404, "{\"code\":\"PGRST202\"")]
    public async Task A_wrong_path_or_method_is_answered_in_the_shape_of_who_serves_it(string method, string path, int status, string body)
    {
        var answer = await SendAsync(new HttpMethod(method), path);

        Assert.That((int)answer.Status, Is.EqualTo(status), answer.Text);
        Assert.That(answer.Text, Does.StartWith(body));
    }

    [TestCase("/realtime/v1/api/broadcast", "{\"messages\":[")]
    [TestCase("/realtime/v1/api/broadcast", "{\"messages\":[{\"topic\":\"a\",\"event\":\"b\",\"payload\":{\"c\":\"\u00ff\u00fe\"}}]}")]
    [TestCase("/realtime/v1/api/broadcast/a/events/b", "{]")]
    [TestCase("/realtime/v1/api/broadcast/a/events/b", "{\"c\":\"\u00ff\u00fe\"}")]
    [TestCase("/rest/v1/rpc/alive", "{\"c\":\"\u00ff\u00fe\"}")]
    [TestCase("/rest/v1/rpc/alive", "\u00ef\u00bb\u00bf{}")]
    [TestCase("/rest/v1/rpc/alive", "<xml/>")]
    public async Task A_body_that_is_no_json_is_400(string path, string latin1)
    {
        var content = new ByteArrayContent(Encoding.Latin1.GetBytes(latin1));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        Assert.That((await SendAsync(HttpMethod.Post, path, content)).Status, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [TestCase("GET /rest/v1/rpc/alive HTTP/1.1\r\nHost: x\r\nX-Large: {1000000}\r\n\r\n", "431")]
    [TestCase("GET /{100000} HTTP/1.1\r\nHost: x\r\n\r\n", "414")]
    [TestCase("GET /\u00ff\u00fe HTTP/1.1\r\nHost: x\r\n\r\n", "400")]
    [TestCase("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400")]
    [TestCase("nonsense\r\n\r\n", "400")]
    [TestCase("GET / HTTP/1.1\r\n\r\n", "400")]
    [TestCase("POST /rest/v1/rpc/alive HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400")]
    [TestCase("POST /rest/v1/rpc/alive?apikey={key} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400")]
    public async Task Http_that_is_none_is_refused_and_the_others_are_served(string request, string status)
    {
        var text = request
            .Replace("{key}", _emulator.PublishableKey, StringComparison.Ordinal)
            .Replace("{1000000}", new string('x', 1000000), StringComparison.Ordinal)
            .Replace("{100000}", new string('x', 100000), StringComparison.Ordinal);
        using var client = await ConnectAsync();

        Assert.That(await ExchangeAsync(client, Encoding.Latin1.GetBytes(text)), Does.StartWith($"HTTP/1.1 {status} "));
        await AssertAliveAsync();
    }

    [Test]
    public async Task Requests_that_are_sent_by_half_are_given_up_and_hold_nobody_up()
    {
        var clients = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 200; i++)
            {
                clients.Add(await ConnectAsync());
                var half = i % 2 == 0
                    ? $"POST /rest/v1/rpc/alive?apikey={_emulator.PublishableKey} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{"
                    : "POST /rest/v1/rpc/alive HTTP/1.1\r\nHos";
                await clients[^1].GetStream().WriteAsync(Encoding.ASCII.GetBytes(half));
            }

            await AssertAliveAsync();

            Assert.That(await ExchangeAsync(clients[0], []), Does.StartWith("HTTP/1.1 408 "));
            Assert.That(
                () => _log.Entries.Any(entry => entry.Id == 3071 && entry.Text.Contains("/rest/v1/rpc/alive", StringComparison.Ordinal)),
                Is.True.After(10_000, 20));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
        await AssertAliveAsync();
    }

    // Each costs two descriptors, one on either side, for both are in this process.
    [Test]
    public async Task Ten_thousand_connections_that_say_nothing_hold_nobody_up()
    {
        var count = Math.Min(10_000, (DescriptorLimit() - 2_000) / 2);
        Assume.That(count, Is.GreaterThanOrEqualTo(200), "this system lets a process have too few connections");
        await TestContext.Out.WriteLineAsync($"{count} connections; the limit on descriptors is {DescriptorLimit()}.");
        var clients = new List<TcpClient>();
        try
        {
            while (clients.Count < count)
                clients.AddRange(await Task.WhenAll(Enumerable.Range(0, Math.Min(200, count - clients.Count)).Select(_ => ConnectAsync())));

            await AssertAliveAsync();
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
        await AssertAliveAsync();
    }

    private async Task AssertAliveAsync()
    {
        using var fresh = new HttpClient { Timeout = _deadline };
        Assert.That(await fresh.GetStringAsync(new Uri(_emulator.Url, $"/rest/v1/rpc/alive?apikey={_emulator.PublishableKey}")), Is.EqualTo("1"));
        await using var socket = await TestSupport.PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        Assert.That((string?)(await socket.JoinAsync("realtime:alive")).Reply["status"], Is.EqualTo("ok"));
    }

    private async Task<(HttpStatusCode Status, string Text)> SendAsync(HttpMethod method, string path, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(_emulator.Url, path)) { Content = content };
        request.Headers.Add("apikey", _emulator.AnonKey);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _emulator.AnonKey);
        request.Headers.Accept.ParseAdd("application/json");
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _emulator.Url.Port);
        return client;
    }

    // What the server answers until it closes, or as much of it as fits.
    private static async Task<string> ExchangeAsync(TcpClient client, byte[] request)
    {
        using var deadline = new CancellationTokenSource(_deadline);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(request, deadline.Token);
        }
        catch (IOException)
        {
            // It was refused before it was all sent; the answer is there all the same.
        }
        var answer = new byte[4096];
        return Encoding.Latin1.GetString(answer, 0, await stream.ReadAtLeastAsync(answer, 13, throwOnEndOfStream: false, deadline.Token));
    }

    private static int DescriptorLimit()
    {
        const string Limits = "/proc/self/limits";
        if (!File.Exists(Limits))
            return 4_000;
        var line = File.ReadLines(Limits).First(text => text.StartsWith("Max open files", StringComparison.Ordinal));
        return int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], out var limit) ? limit : int.MaxValue;
    }

    private sealed class LargeContent : HttpContent
    {
        private static readonly byte[] _chunk = CreateChunk();
        private readonly int _megabytes;
        private readonly bool _hasLength;

        public LargeContent(int megabytes, bool hasLength)
        {
            (_megabytes, _hasLength) = (megabytes, hasLength);
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var i = 0; i < _megabytes * 10; i++)
                await stream.WriteAsync(_chunk);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = (long)_megabytes * Megabyte;
            return _hasLength;
        }

        private static byte[] CreateChunk()
        {
            var chunk = new byte[Megabyte / 10];
            Array.Fill(chunk, (byte)' ');
            return chunk;
        }
    }
}

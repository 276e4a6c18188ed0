using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests.Faults;

// Faults hit every socket of an emulator, so each fixture has one of its own and its tests take turns.
public abstract class FaultFixture
{
    private CampfireEmulator _emulator = null!;
    private HttpClient _http = null!;

    protected CampfireEmulator Emulator => _emulator;

    protected EmulatorFaults Faults => _emulator.Faults;

    protected HttpClient Http => _http;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, Delays = EmulatorDelays.Fast });
        _http = new HttpClient { BaseAddress = _emulator.Url };
        _http.DefaultRequestHeaders.Add("apikey", _emulator.AnonKey);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        _http.Dispose();
        await _emulator.DisposeAsync();
    }

    // A fault counts the sockets that it hits, those of the test before as well while they are still being taken down.
    [SetUp]
    public Task AwaitSilence() => UntilAsync(() => Faults.Connections == 0);

    [TearDown]
    public void Clear() => Faults.Clear();

    protected static string NewTopic() => $"realtime:{Guid.NewGuid()}";

    protected static string SubTopicOf(string topic) => topic["realtime:".Length..];

    protected Task<PlainSocket> ConnectAsync(string vsn = "2.0.0") => PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey, vsn);

    protected async Task<Member> JoinAsync(string topic, string vsn = "2.0.0", bool self = true, bool ack = false) =>
        await Member.JoinAsync(await ConnectAsync(vsn), topic, self, ack);

    protected Task<HttpResponseMessage> PostBatchAsync(string topic, params int[] numbers) => _http.PostAsJsonAsync(
        "/realtime/v1/api/broadcast",
        new { messages = numbers.Select(n => new { topic = SubTopicOf(topic), @event = "e", payload = new { n } }) });

    protected Task<HttpResponseMessage> PostSingleAsync(string topic, HttpContent content) =>
        _http.PostAsync($"/realtime/v1/api/broadcast/{SubTopicOf(topic)}/events/e", content);

    protected static HttpContent Json(int n) => JsonContent.Create(new { n });

    protected static HttpContent Octets(int n) =>
        new ByteArrayContent([(byte)n]) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };

    protected async Task SendFromDatabaseAsync(string topic, int n, bool isPrivate = false)
    {
        await using var connection = new NpgsqlConnection(_emulator.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select realtime.send(jsonb_build_object('n', $1), 'e', $2, $3)", connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = n });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = SubTopicOf(topic) });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = isPrivate });
        await command.ExecuteNonQueryAsync();
    }

    // One round trip after the other, for what the emulator does without telling the client.
    protected async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(PlainSocket.Deadline);
        while (!condition())
            (await _http.GetAsync("/", deadline.Token)).Dispose();
    }

    // A member of a topic whose broadcasts carry a number.
    protected sealed record Member(PlainSocket Socket, string Topic, string JoinRef) : IAsyncDisposable
    {
        public IEnumerable<int> Numbers => Socket.Unread.Select(NumberOf).OfType<int>();

        public static async Task<Member> JoinAsync(PlainSocket socket, string topic, bool self = true, bool ack = false)
        {
            var config = new JsonObject { ["broadcast"] = new JsonObject { ["self"] = self, ["ack"] = ack } };
            var (joinRef, reply) = await socket.JoinAsync(topic, config);
            Assert.That((string?)reply["status"], Is.EqualTo("ok"));
            return new Member(socket, topic, joinRef);
        }

        public Task SendTextAsync(int n) => Socket.PushAsync(
            Topic, "broadcast", new JsonObject { ["type"] = "broadcast", ["event"] = "e", ["payload"] = new JsonObject { ["n"] = n } }, JoinRef);

        public Task SendBinaryAsync(int n, bool isJson)
        {
            var payload = isJson ? Encoding.UTF8.GetBytes($$"""{"n":{{n}}}""") : [(byte)n];
            byte[] lengths = [3, (byte)JoinRef.Length, 1, (byte)Topic.Length, 1, 0, (byte)(isJson ? 1 : 0)];
            return Socket.SendAsync([.. lengths, .. Encoding.UTF8.GetBytes($"{JoinRef}0{Topic}e"), .. payload]);
        }

        // All that arrived up to the given number, which must be the last one.
        public async Task<int[]> UpToAsync(int last)
        {
            var numbers = new List<int>();
            while (numbers.LastOrDefault() != last)
                numbers.Add(NumberOf(await Socket.ReceiveAsync(frame => NumberOf(frame) is not null, TimeSpan.FromSeconds(30)))!.Value);
            return [.. numbers];
        }

        public Task BarrierAsync() => Socket.BarrierAsync(Topic, JoinRef);

        public ValueTask DisposeAsync() => Socket.DisposeAsync();

        private static int? NumberOf(PlainFrame frame)
        {
            if (!frame.IsBinary)
                return frame.Event == "broadcast" ? (int?)frame.Payload!["payload"]!["n"] : null;
            var bytes = frame.Bytes;
            if (bytes[0] != 4)
                return null;
            var payload = bytes.AsSpan(5 + bytes[1] + bytes[2] + bytes[3]);
            return bytes[4] == 0 ? payload[0] : (int)JsonNode.Parse(payload)!["n"]!;
        }
    }
}

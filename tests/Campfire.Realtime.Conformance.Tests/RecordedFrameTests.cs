using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

// One after the other: two recordings speak on the same topic.
[NonParallelizable]
public sealed partial class RecordedFrameTests
{
    [TestCase("v1-basic")]
    [TestCase("v2-basic")]
    [TestCase("private-v2")]
    [TestCase("token")]
    public async Task The_server_answers_a_recorded_session_frame_by_frame(string recording)
    {
        var session = new Session(Guid.NewGuid().ToString());
        await using (session)
        {
            var path = Path.Combine(TestContext.CurrentContext.TestDirectory, "Frames", recording + ".txt");
            foreach (var line in await File.ReadAllLinesAsync(path))
                await session.PlayAsync(line);
        }
    }

    private sealed class Session(string aliceId) : IAsyncDisposable
    {
        private readonly Dictionary<string, PlainSocket> _sockets = [];
        private readonly Dictionary<string, string> _variables = new()
        {
            ["<alice-id>"] = aliceId,
            ["<alice>"] = Target.TokenFor(aliceId),
            ["<short>"] = Target.TokenFor("short", TimeSpan.FromSeconds(2)),
            ["<expired>"] = Target.TokenFor("short", TimeSpan.FromSeconds(-4)),
            ["<stranger>"] = Target.TokenFor(Guid.NewGuid().ToString()),
            ["<since>"] = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
        };

        public async Task PlayAsync(string line)
        {
            line = _variables.Aggregate(line, (text, variable) => text.Replace(variable.Key, variable.Value, StringComparison.Ordinal));
            var words = line.Split(' ', 4);
            switch (words)
            {
                case ["!", "sql", ..]:
                    await Target.ExecuteAsync(line["! sql ".Length..]);
                    break;
                case ["!", "rest-batch", ..]:
                    Assert.That((int)(await Rest.PostJsonAsync("broadcast", line["! rest-batch ".Length..])).Status, Is.EqualTo(202));
                    break;
                case ["!", "rest-binary", var path, var bytes]:
                    Assert.That((int)(await Rest.PostAsync(path, Rest.Bytes(Convert.FromHexString(bytes)))).Status, Is.EqualTo(202));
                    break;
                case [var socket, _, "open"]:
                    _sockets[socket] = await Target.ConnectAsync(socket == "v1" ? "1.0.0" : "2.0.0");
                    break;
                case [var socket, _, ">", var sent]:
                    await (sent.StartsWith("BIN ", StringComparison.Ordinal) ? _sockets[socket].SendAsync(BytesOf(sent)) : _sockets[socket].SendAsync(sent));
                    break;
                case [var socket, _, "<", var expected]:
                    var frame = await _sockets[socket].NextAsync();
                    var wanted = expected.StartsWith("BIN ", StringComparison.Ordinal)
                        ? new PlainFrame(true, BytesOf(expected))
                        : new PlainFrame(false, Encoding.UTF8.GetBytes(expected));
                    Assert.That(Normalized(frame), Is.EqualTo(Normalized(wanted)), line);
                    break;
                default:
                    Assert.Fail($"The recording has a line that nobody understands: {line}");
                    break;
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var socket in _sockets.Values)
                await socket.DisposeAsync();
        }
    }

    private static byte[] BytesOf(string recorded) =>
        Encoding.Latin1.GetBytes(Escape().Replace(recorded["BIN ".Length..], match => ((char)Convert.ToByte(match.Groups[1].Value, 16)).ToString()));

    // What is random on every server: ids, presence references, seconds gone by. Keys may come in any order.
    private static string Normalized(PlainFrame frame)
    {
        var text = frame.IsBinary ? frame.ToString() : Sorted(frame.Json)!.ToJsonString(JsonSerializerOptions.Default);
        text = Reference().Replace(Id().Replace(text, "<id>"), "\"phx_ref\":\"<ref>\"");
        return Ago().Replace(text, "<n> seconds ago");
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject item => new JsonObject(item.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))),
        JsonArray array => new JsonArray([.. array.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    [GeneratedRegex(@"\\x([0-9a-f]{2})")]
    private static partial Regex Escape();

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Id();

    [GeneratedRegex("\"phx_ref\":\"[^\"]{16}\"")]
    private static partial Regex Reference();

    [GeneratedRegex(@"\d+ seconds ago")]
    private static partial Regex Ago();
}

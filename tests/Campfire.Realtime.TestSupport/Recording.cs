using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Campfire.Realtime.TestSupport;

// A session recorded from a real server, played to another one: what the clients sent is sent again, and each answer must
// be the recorded one, in its place. What is random on every server is made equal before.
public sealed partial class Recording(Func<string, Task<PlainSocket>> connect) : IAsyncDisposable
{
    // A server closes an idle socket after more than a minute.
    private static readonly TimeSpan _closeDeadline = TimeSpan.FromMinutes(3);
    private readonly Dictionary<string, PlainSocket> _sockets = [];

    // What stands in a recording for tokens, users and times of the run.
    public Dictionary<string, string> Variables { get; } = [];

    // What lines with ! ask for: things that were done to the server by other means than a socket.
    public Dictionary<string, Func<string, Task>> Steps { get; } = [];

    // For lines with HTTP: how the upgrade of that socket is refused.
    public Func<string, Task<UpgradeRefusal>>? Refuse { get; init; }

    public PlainSocket this[string socket] => _sockets[socket];

    public async Task PlayAsync(string name)
    {
        var path = Path.Combine(TestContext.CurrentContext.TestDirectory, "Frames", name + ".txt");
        foreach (var line in await File.ReadAllLinesAsync(path))
            await PlayLineAsync(Variables.Aggregate(line, (text, variable) => text.Replace(variable.Key, variable.Value, StringComparison.Ordinal)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var socket in _sockets.Values)
            await socket.DisposeAsync();
    }

    private async Task PlayLineAsync(string line)
    {
        switch (line.Split(' ', 4))
        {
            case ["!", var step, ..] when Steps.TryGetValue(step, out var act):
                await act(line[$"! {step}".Length..].TrimStart());
                break;
            case [var socket, _, "open"]:
                _sockets[socket] = await connect(socket);
                break;
            case [var socket, _, ">", var sent]:
                await (IsBinary(sent) ? _sockets[socket].SendAsync(BytesOf(sent)) : _sockets[socket].SendAsync(sent));
                break;
            case [var socket, _, "<", var expected]:
                var wanted = IsBinary(expected) ? new PlainFrame(true, BytesOf(expected)) : new PlainFrame(false, Encoding.UTF8.GetBytes(expected));
                Assert.That(Normalized(await _sockets[socket].NextAsync()), Is.EqualTo(Normalized(wanted)), line);
                break;
            case [var socket, _, "CLOSE", var code]:
                Assert.That(await _sockets[socket].ClosedAsync(_closeDeadline), Is.EqualTo(int.Parse(code, CultureInfo.InvariantCulture)), line);
                Assert.That(_sockets[socket].Unread, Is.Empty, line);
                break;
            case [var socket, _, "HTTP", var answer] when Refuse is not null:
                var refusal = await Refuse(socket);
                Assert.That($"{(int)refusal.Status} {refusal.Body}".TrimEnd(), Is.EqualTo(Headers().Replace(answer, " ").TrimEnd()), line);
                if (Headers().Match(answer).Groups["type"] is { Success: true } type)
                    Assert.That(refusal.ContentType, Is.EqualTo(type.Value), line);
                break;
            default:
                Assert.Fail($"The recording has a line that nobody understands: {line}");
                break;
        }
    }

    private static bool IsBinary(string recorded) => recorded.StartsWith("BIN ", StringComparison.Ordinal);

    private static byte[] BytesOf(string recorded) =>
        Encoding.Latin1.GetBytes(Escape().Replace(recorded["BIN ".Length..], match => ((char)Convert.ToByte(match.Groups[1].Value, 16)).ToString()));

    // Ids, presence references, seconds gone by, and why changes cannot be subscribed to. Keys may come in any order.
    private static string Normalized(PlainFrame frame)
    {
        var text = frame.IsBinary ? frame.ToString() : Sorted(frame.Json)!.ToJsonString(JsonSerializerOptions.Default);
        text = Reference().Replace(Id().Replace(text, "<id>"), "\"phx_ref\":\"<ref>\"");
        text = ChangeId().Replace(text, "\"id\":<n>");
        text = Unsubscribable().Replace(text, "$1");
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

    [GeneratedRegex("\"id\":[0-9]+")]
    private static partial Regex ChangeId();

    [GeneratedRegex("(Unable to subscribe to changes with given parameters\\.)[^\"]*")]
    private static partial Regex Unsubscribable();

    [GeneratedRegex(@"\d+ seconds ago")]
    private static partial Regex Ago();

    [GeneratedRegex(" \\{(?=\"cache-control\")(?:[^}]*\"content-type\":\"(?<type>[^\"]*)\")?[^}]*\\} ?")]
    private static partial Regex Headers();
}

using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class DatabaseBroadcastTests
{
    private static readonly byte[] _bytes = [0, 1, 2, 255];

    private static JsonObject Private(string broadcast = """{"replication_ready":true}""") =>
        new() { ["private"] = true, ["broadcast"] = JsonNode.Parse(broadcast) };

    private static async Task<(PlainSocket Socket, string Topic)> JoinAsync(string vsn = "2.0.0")
    {
        var user = Guid.NewGuid().ToString();
        var socket = await Target.ConnectAsync(vsn);
        await socket.JoinAsync($"realtime:user:{user}", Private(), Target.TokenFor(user));
        await socket.EventAsync("system");
        return (socket, $"user:{user}");
    }

    [Test]
    public async Task C75_a_sent_message_carries_its_row_id_in_payload_and_metadata()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send('{"x":1}', 'ev', '{{topic}}', true)""");

        var (wireTopic, userEvent, metadata, isBinary, payload) = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        var id = (string?)JsonNode.Parse(metadata)!["id"];
        Assert.That((wireTopic, userEvent, isBinary), Is.EqualTo(($"realtime:{topic}", "ev", false)));
        Assert.That(Guid.TryParse(id, out _), Is.True);
        Assert.That((string?)JsonNode.Parse(payload)!["id"], Is.EqualTo(id));
    }

    [Test]
    public async Task C75_an_id_of_its_own_stays()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send('{"id":"mine"}', 'ev', '{{topic}}', true)""");

        Assert.That((string?)JsonNode.Parse(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload)!["id"], Is.EqualTo("mine"));
    }

    [Test]
    public async Task C75_binary_payloads_arrive_as_they_are()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($"select realtime.send_binary('\\x000102ff'::bytea, 'ev', '{topic}', true)");

        var frame = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((frame.IsBinary, frame.Payload), Is.EqualTo((true, _bytes)));
    }

    [Test]
    public async Task C17_version_1_gets_a_database_message_as_text_with_its_id()
    {
        var (socket, topic) = await JoinAsync("1.0.0");
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send('{"x":1}', 'ev', '{{topic}}', true)""");

        var payload = (await socket.EventAsync("broadcast")).Payload!;
        Assert.That((string?)payload["event"], Is.EqualTo("ev"));
        Assert.That((string?)payload["meta"]!["id"], Is.EqualTo((string?)payload["payload"]!["id"]));
    }

    [Test]
    public async Task C75_a_rolled_back_message_is_never_sent_and_commits_arrive_in_order()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""begin; select realtime.send('{"n":0}', 'ev', '{{topic}}', true); rollback""");
        await Target.ExecuteAsync($$"""do $d$ begin for i in 1..50 loop perform realtime.send(jsonb_build_object('n', i), 'ev', '{{topic}}', true); end loop; end $d$""");

        var numbers = new List<int>();
        while (numbers.Count < 50)
            numbers.Add((int)JsonNode.Parse(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload)!["n"]!);
        Assert.That(numbers, Is.EqualTo(Enumerable.Range(1, 50)));
    }

    [Test]
    public async Task C76_replay_returns_the_newest_rows_oldest_first_and_marks_them()
    {
        var user = Guid.NewGuid().ToString();
        var since = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds();
        for (var i = 1; i <= 4; i++)
            await Target.ExecuteAsync($$"""select realtime.send('{"n":{{i}}}', 'ev', 'user:{{user}}', true)""");
        await using var socket = await Target.ConnectAsync();

        var (joinRef, _) = await socket.JoinAsync(
            $"realtime:user:{user}", Private($$$"""{"replay":{"since":{{{since}}},"limit":3}}"""), Target.TokenFor(user));

        var replayed = new List<PlainFrame>();
        while (replayed.Count < 3)
            replayed.Add(await socket.EventAsync("broadcast"));
        Assert.That(replayed.Select(frame => (int)frame.Payload!["payload"]!["n"]!), Is.EqualTo(new[] { 2, 3, 4 }));
        Assert.That(replayed.Select(frame => (bool)frame.Payload!["meta"]!["replayed"]!), Is.All.True);
        Assert.That(replayed.Select(frame => frame.JoinRef), Is.All.EqualTo(joinRef));
    }

    [TestCase("""{"private":false,"broadcast":{"replay":{"since":0}}}""", "Replay is not allowed for public channels")]
    [TestCase("""{"private":false,"broadcast":{"replay":null}}""", "Replay is not allowed for public channels")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":"x"}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"limit":5}}}""", "Replay params are not valid")]
    [TestCase("""{"private":true,"broadcast":{"replay":{"since":1e30}}}""", "Replay params are not valid")]
    public async Task C77_a_wrong_replay_fails_the_join(string config, string text)
    {
        var user = Guid.NewGuid().ToString();
        await using var socket = await Target.ConnectAsync();

        var (_, reply) = await socket.JoinAsync($"realtime:user:{user}", JsonNode.Parse(config)!.AsObject(), Target.TokenFor(user));

        Assert.That(JoinTests.ReasonOf(reply), Is.EqualTo($"UnableToReplayMessages: {text}"));
    }
}

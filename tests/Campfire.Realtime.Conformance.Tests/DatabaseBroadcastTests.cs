using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

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
    public async Task Point_75_a_sent_message_carries_its_row_id_in_payload_and_metadata()
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
    public async Task Point_75_an_id_of_its_own_stays()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send('{"id":"mine"}', 'ev', '{{topic}}', true)""");

        Assert.That((string?)JsonNode.Parse(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload)!["id"], Is.EqualTo("mine"));
    }

    [Test]
    public async Task Point_75_binary_payloads_arrive_as_they_are()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($"select realtime.send_binary('\\x000102ff'::bytea, 'ev', '{topic}', true)");

        var frame = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((frame.IsBinary, frame.Payload), Is.EqualTo((true, _bytes)));
    }

    [Test]
    public async Task Point_75_version_1_gets_a_database_message_as_text_with_its_id()
    {
        var (socket, topic) = await JoinAsync("1.0.0");
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send('{"x":1}', 'ev', '{{topic}}', true)""");

        var payload = (await socket.EventAsync("broadcast")).Payload!;
        Assert.That((string?)payload["event"], Is.EqualTo("ev"));
        Assert.That((string?)payload["meta"]!["id"], Is.EqualTo((string?)payload["payload"]!["id"]));
    }

    [Test]
    public async Task Point_75_version_1_gets_no_bytes()
    {
        var (socket, topic) = await JoinAsync("1.0.0");
        await using var disposing = socket;

        await Target.ExecuteAsync($"select realtime.send_binary('\\x00'::bytea, 'bytes', '{topic}', true)");
        await Target.ExecuteAsync($$"""select realtime.send('{}', 'text', '{{topic}}', true)""");

        Assert.That((string?)(await socket.EventAsync("broadcast")).Payload!["event"], Is.EqualTo("text"));
    }

    [Test]
    public async Task Point_75_bytes_are_told_by_the_id_of_their_row_and_hold_none()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""
            do $d$ begin
                perform realtime.send_binary('\x00'::bytea, 'ev', '{{topic}}', true);
                perform realtime.send(jsonb_build_object('row', (select id from realtime.messages where topic = '{{topic}}')), 'id', '{{topic}}', true);
            end $d$
            """);

        var bytes = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        var row = JsonNode.Parse(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Payload)!["row"];
        Assert.That((string?)JsonNode.Parse(bytes.Metadata)!["id"], Is.EqualTo((string?)row));
    }

    [TestCase("INSERT")]
    [TestCase("UPDATE")]
    [TestCase("DELETE")]
    public async Task Point_75_broadcast_changes_tells_a_row_privately(string operation)
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;
        var type = $"public.conformance_{operation.ToLowerInvariant()}";
        var (now, before) = (operation == "DELETE" ? $"null::{type}" : $"row(1, 'new')::{type}", operation == "INSERT" ? $"null::{type}" : $"row(1, 'old')::{type}");

        await Target.ExecuteAsync($"""
            do $d$ begin
                create type {type} as (id int, name text);
                perform realtime.broadcast_changes('{topic}', 'changed', '{operation}', 'rows', 'public', {now}, {before});
                drop type {type};
            end $d$
            """);

        var frame = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        var payload = JsonNode.Parse(frame.Payload)!.AsObject();
        Assert.That((frame.Event, (string?)payload["id"]), Is.EqualTo(("changed", (string?)JsonNode.Parse(frame.Metadata)!["id"])));
        payload.Remove("id");
        var (record, old) = (operation == "DELETE" ? "null" : """{"id":1,"name":"new"}""", operation == "INSERT" ? "null" : """{"id":1,"name":"old"}""");
        Assert.That(
            JsonNode.DeepEquals(payload, JsonNode.Parse($$"""{"operation":"{{operation}}","schema":"public","table":"rows","record":{{record}},"old_record":{{old}}}""")),
            Is.True,
            payload.ToJsonString());
    }

    [TestCase("'TRUNCATE'", "'ROW'", "Unexpected operation type: TRUNCATE")]
    [TestCase("'INSERT'", "'STATEMENT'", "function can only be triggered for each row, not for each statement")]
    public void Point_75_broadcast_changes_raises_for_what_it_cannot_tell(string operation, string level, string reason)
    {
        var failure = Assert.ThrowsAsync<PostgresException>(
            () => Target.ExecuteAsync($"select realtime.broadcast_changes('t', 'e', {operation}, 'rows', 'public', null, null, {level})"))!;

        Assert.That(failure.MessageText, Is.EqualTo($"Failed to process the row: {reason}"));
    }

    [TestCase("'[1]'::jsonb", "'ev'")]
    [TestCase("'{}'::jsonb", "null")]
    [TestCase("null", "'ev'")]
    public async Task Point_75_what_cannot_be_sent_is_lost_without_a_word_to_the_sender(string payload, string userEvent)
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""select realtime.send({{payload}}, {{userEvent}}, '{{topic}}', true), realtime.send('{}', 'next', '{{topic}}', true)""");

        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event, Is.EqualTo("next"));
    }

    // A bare insert works as well: no id in its payload, public unless it says otherwise, and of whatever extension.
    [Test]
    public async Task Point_75_an_insert_is_sent_unless_a_column_that_is_needed_is_null()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync($$"""
            insert into realtime.messages (topic, extension, event, payload, private) values
                ('{{topic}}', 'broadcast', null, '{}', true),
                ('{{topic}}', 'broadcast', 'no payload', null, true),
                ('{{topic}}', 'broadcast', 'nobody knows', '{}', null),
                ('{{topic}}', 'whatever', 'sent', '{"x": 1}', true);
            insert into realtime.messages (topic, extension, event, payload) values ('{{topic}}', 'broadcast', 'public', '{}');
            select realtime.send('{}', 'next', '{{topic}}', true);
            """);

        var sent = BinaryFrames.Read((await socket.BinaryAsync()).Bytes);
        Assert.That((sent.Event, JsonNode.Parse(sent.Payload)!.ToJsonString()), Is.EqualTo(("sent", """{"x":1}""")));
        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event, Is.EqualTo("next"));
    }

    [Test]
    public async Task Point_75_an_oversized_row_is_lost_and_the_next_one_is_not()
    {
        var (socket, topic) = await JoinAsync();
        await using var disposing = socket;

        await Target.ExecuteAsync(
            $$"""select realtime.send(jsonb_build_object('x', repeat('x', 3200000)), 'big', '{{topic}}', true), realtime.send('{}', 'next', '{{topic}}', true)""");

        Assert.That(BinaryFrames.Read((await socket.BinaryAsync()).Bytes).Event, Is.EqualTo("next"));
    }

    [Test]
    public async Task Point_75_a_rolled_back_message_is_never_sent_and_commits_arrive_in_order()
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
}

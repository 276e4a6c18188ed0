using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Fuzz;

// Makes what a hostile or broken server might send: from bytes without any sense to frames with one field of the wrong type.
internal sealed class FrameMaker
{
    private const int Participants = 200;
    private const string Placeholder = "placeholder";

    private static readonly string[] WrongValues =
        ["null", "7", "-1", "1e400", "\"x\"", "[]", "{}", "true", "9223372036854775808", "0.5", "\"\\ud800\"", "[[[[]]]]", "{\"metas\":7}"];

    private readonly Random _random;
    private readonly string[] _topics;
    private readonly string[] _payloads;
    private readonly List<(byte[] Bytes, bool IsBinary)> _recorded = [];
    private readonly List<(byte[] Bytes, bool IsBinary)> _valid = [];

    public FrameMaker(ScriptedDatabase database, Random random)
    {
        _random = random;
        _topics =
        [
            Wire(ChannelName.Conversation(database.OrganizationId, database.ConversationId)),
            Wire(ChannelName.ConversationTyping(database.OrganizationId, database.ConversationId)),
            Wire(ChannelName.Organization(database.OrganizationId)),
        ];
        _payloads =
        [
            database.MessageJson(1),
            database.MessageJson(1_000_000_000),
            $$"""{"conversation_id":"{{database.ConversationId}}","participant_type":"agent","participant_id":"a","delivered_through":1,"read_through":1}""",
            $$"""{"conversation_id":"{{database.ConversationId}}","sender_type":"agent","sender_id":"a","sender_name":"A"}""",
            $$"""{"id":"{{database.ConversationId}}","organization_id":"{{database.OrganizationId}}","sequence":1,"status":"open","version":1,"updated_at":"2026-01-02T03:04:05.000000Z"}""",
            """{"user-1":{"metas":[{"phx_ref":"r1","name":"A","status":"online"}]}}""",
            """{"joins":{"user-1":{"metas":[{"phx_ref":"r1","name":"A"}]}},"leaves":{"user-2":{"metas":[{"phx_ref":"r2"}]}}}""",
            """{"extension":"system","status":"ok","message":"Something","channel":"x"}""",
            """{"status":"ok","response":{}}""",
        ];

        foreach (string topic in _topics)
        {
            foreach (string payload in _payloads)
            {
                foreach (string name in new[] { EventNames.MessageCreated, EventNames.ReadReceipt, EventNames.TypingStart, EventNames.ConversationUpdated })
                {
                    _valid.Add((Text(topic, "broadcast", $$"""{"type":"broadcast","event":"{{name}}","payload":{{payload}}}"""), false));
                    _valid.Add((Binary(topic, name, payload), true));
                }

                foreach (string phoenixEvent in new[] { "presence_state", "presence_diff", "system", "phx_reply", "postgres_changes" })
                    _valid.Add((Text(topic, phoenixEvent, payload), false));
            }
        }

        // A recorded close would end the membership each time: those come by themselves, seldom.
        foreach (string line in ReadRecorded().Where(line => !line.Contains("phx_close", StringComparison.Ordinal)))
        {
            bool isBinary = line.StartsWith("BIN ", StringComparison.Ordinal);
            _recorded.Add((isBinary ? Unescape(line[4..]) : Encoding.UTF8.GetBytes(line), isBinary));
            if (!isBinary && JsonNode.Parse(line) is JsonArray { Count: 5 } frame)
                _recorded.Add((Text(_topics[0], (string)frame[3]!, frame[4]?.ToJsonString() ?? "null"), false));
        }
    }

    public (byte[] Bytes, bool IsBinary) Next() => _random.Next(1000) switch
    {
        < 150 => (Random(300), _random.Next(2) == 0),
        < 450 => Mutate(Any(_valid)),
        < 600 => WrongType(),
        < 680 => Unknown(),
        < 760 => StrayReply(),
        < 840 => Diff(),
        < 880 => Mutate(Any(_recorded)),
        < 900 => Any(_recorded),
        < 930 => NotUtf8(),
        < 950 => Deep(),
        < 999 => Any(_valid),
        _ => Rare(),
    };

    private static string Wire(ChannelName name) => Encoding.UTF8.GetString(name.WireTopic.Span);

    private static string[] ReadRecorded()
    {
        using Stream stream = typeof(FrameMaker).Assembly.GetManifestResourceStream("recorded-frames.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static byte[] Unescape(string line)
    {
        var bytes = new List<byte>();
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] == '\\' && i + 3 < line.Length && line[i + 1] == 'x')
            {
                bytes.Add(Convert.ToByte(line.Substring(i + 2, 2), 16));
                i += 3;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(line[i].ToString()));
            }
        }

        return [.. bytes];
    }

    private static byte[] Text(string topic, string phoenixEvent, string payload, string joinRef = "null", string reference = "null") =>
        Encoding.UTF8.GetBytes($"[{joinRef},{reference},\"{topic}\",\"{phoenixEvent}\",{payload}]");

    private static byte[] Binary(string topic, string name, string payload)
    {
        byte[] topicBytes = Encoding.UTF8.GetBytes(topic), nameBytes = Encoding.UTF8.GetBytes(name);
        return [4, (byte)topicBytes.Length, (byte)nameBytes.Length, 0, 1, .. topicBytes, .. nameBytes, .. Encoding.UTF8.GetBytes(payload)];
    }

    private T Any<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    private byte[] Random(int maxLength)
    {
        var bytes = new byte[_random.Next(maxLength)];
        _random.NextBytes(bytes);
        if (bytes.Length > 0 && _random.Next(2) == 0)
            bytes[0] = (byte)_random.Next(6);
        return bytes;
    }

    private (byte[] Bytes, bool IsBinary) Mutate((byte[] Bytes, bool IsBinary) frame)
    {
        var bytes = new List<byte>(frame.Bytes);
        for (int mutations = _random.Next(1, 5); mutations > 0 && bytes.Count > 0; mutations--)
        {
            int at = _random.Next(bytes.Count);
            switch (_random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)"\"[]{},:0\\ 9-"[_random.Next(12)]);
                    break;
                case 3:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 4:
                    bytes.AddRange(bytes.GetRange(at, Math.Min(40, bytes.Count - at)));
                    break;
            }
        }

        return ([.. bytes], frame.IsBinary != (_random.Next(20) == 0));
    }

    private (byte[] Bytes, bool IsBinary) WrongType()
    {
        JsonObject payload = JsonNode.Parse(Any(_payloads))!.AsObject();
        KeyValuePair<string, JsonNode?> member = payload.ElementAt(_random.Next(payload.Count));
        if (member.Value is JsonObject { Count: > 0 } inner && _random.Next(2) == 0)
            inner[inner.First().Key] = Placeholder;
        else
            payload[member.Key] = Placeholder;

        // As text: one of the wrong values is not even JSON.
        return Framed(payload.ToJsonString().Replace($"\"{Placeholder}\"", Any(WrongValues), StringComparison.Ordinal));
    }

    private (byte[] Bytes, bool IsBinary) Framed(string payload)
    {
        string topic = Any(_topics);
        return _random.Next(4) switch
        {
            0 => (Binary(topic, Any(EventNames.All), payload), true),
            1 => (Text(topic, Any(["presence_state", "presence_diff", "system", "phx_reply", "broadcast"]), payload), false),
            2 => (Text(topic, "broadcast", $$"""{"type":{{Any(WrongValues)}},"event":{{Any(WrongValues)}},"payload":{{payload}}}"""), false),
            _ => (Text(topic, "broadcast", $$"""{"type":"broadcast","event":"{{Any(EventNames.All)}}","payload":{{payload}}}"""), false),
        };
    }

    private (byte[] Bytes, bool IsBinary) Unknown()
    {
        // Each with another name: what is kept by name would grow without an end.
        string name = $"made:up:{_random.Next()}";
        return _random.Next(3) switch
        {
            0 => (Text(Any(_topics), name, Any(_payloads)), false),
            1 => (Binary(Any(_topics), name, _random.Next(2) == 0 ? "{}" : Any(_payloads)), true),
            _ => (Text($"realtime:{name}", "broadcast", Any(_payloads)), false),
        };
    }

    private (byte[] Bytes, bool IsBinary) StrayReply() => (
        Text(
            Any(_topics), "phx_reply", Any(["""{"status":"ok","response":{}}""", """{"status":"error","response":{"reason":"no"}}""", "{}", "7"]),
            Any(["null", "\"1\"", "7", "\"x\""]), Any([$"\"{_random.Next(1000, int.MaxValue)}\"", "\"x\"", "null", "\"-1\"", "\"99999999999999999999\""])),
        false);

    private (byte[] Bytes, bool IsBinary) Diff()
    {
        string entry = $$$$"""{"user-{{{{_random.Next(Participants)}}}}":{"metas":[{"phx_ref":"r{{{{_random.Next(4)}}}}","name":"A"}]}}""";
        string joins = _random.Next(2) == 0 ? entry : "{}", leaves = joins == "{}" ? entry : "{}";
        return (Text(_topics[0], "presence_diff", $"{{\"joins\":{joins},\"leaves\":{leaves}}}"), false);
    }

    private (byte[] Bytes, bool IsBinary) NotUtf8()
    {
        (byte[] bytes, bool isBinary) = Any(_valid);
        bytes = [.. bytes];
        bytes[_random.Next(bytes.Length)] = (byte)_random.Next(0x80, 0x100);
        return (bytes, isBinary);
    }

    private (byte[] Bytes, bool IsBinary) Deep()
    {
        int depth = _random.Next(10, 2000);
        string nested = _random.Next(2) == 0
            ? new string('[', depth) + new string(']', _random.Next(3) == 0 ? depth - 1 : depth)
            : string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
        return _random.Next(3) == 0 ? (Encoding.UTF8.GetBytes(nested), false) : Framed(nested);
    }

    private (byte[] Bytes, bool IsBinary) Rare() => _random.Next(200) switch
    {
        < 20 => (Text(_topics[0], "broadcast", $$$"""{"type":"broadcast","event":"message:created","payload":{"content":"{{{new string('x', 500_000)}}}"}}"""), false),
        < 30 => (Text(_topics[0], "presence_state", "{" + string.Join(',', Enumerable.Range(0, 3000).Select(i => $$""" "user-{{i}}":{"metas":[{"phx_ref":"r"}]} """)) + "}"), false),
        < 40 => (Text(_topics[0], "presence_state", """{"user-1":{"metas":[{"phx_ref":"r1"}]}}"""), false),
        < 43 => (Text(Any(_topics), "phx_close", "{}"), false),
        < 46 => (Text(Any(_topics), "phx_error", "{}"), false),
        < 48 => (Text(Any(_topics), "phx_reply", """{"status":"error","response":{"reason":"unmatched topic"}}""", reference: "\"999999\""), false),
        < 49 => (new byte[5_100_000], true),
        _ => Mutate(Any(_valid)),
    };
}

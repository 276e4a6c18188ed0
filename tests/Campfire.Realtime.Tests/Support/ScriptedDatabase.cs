using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Tests.Support;

// What a client reaches by HTTP: one conversation's log behind the functions that the client calls.
internal sealed class ScriptedDatabase : HttpMessageHandler
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, JsonObject> _log = [];
    private readonly Dictionary<string, int> _calls = [];

    public Guid OrganizationId { get; } = Guid.CreateVersion7();

    public Guid ConversationId { get; } = Guid.CreateVersion7();

    // Answers a call before the log does, when it returns something.
    public Func<string, JsonObject, CancellationToken, Task<HttpResponseMessage?>> OnCall { get; set; } = (_, _, _) => Task.FromResult<HttpResponseMessage?>(null);

    public long LastSequence { get; private set; }

    // What was ever stored, by its sequence from 1, also when the log has lost it since; empty where nothing can be read.
    public List<string> Contents { get; } = [];

    public int Calls(string function)
    {
        lock (_gate)
            return _calls.GetValueOrDefault(function);
    }

    // Stores a message and returns what is broadcast.
    public string Store(string content = "hello", Guid? id = null)
    {
        lock (_gate)
        {
            LastSequence++;
            Contents.Add(content);
            JsonObject message = Message(LastSequence, content, id);
            _log[LastSequence] = new JsonObject { ["event"] = "message:created", ["payload"] = message };
            return message.ToJsonString();
        }
    }

    public void StoreRaw(string phoenixEvent, string payload)
    {
        lock (_gate)
        {
            Contents.Add("");
            _log[++LastSequence] = new JsonObject { ["event"] = phoenixEvent, ["payload"] = JsonNode.Parse(payload, documentOptions: new() { MaxDepth = 100_000 }) };
        }
    }

    public void Forget(long sequence)
    {
        lock (_gate)
            _log.Remove(sequence);
    }

    public string MessageJson(long sequence, string content = "hello") => Message(sequence, content, null).ToJsonString();

    public static HttpResponseMessage Json(string body, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    public static HttpResponseMessage Error(HttpStatusCode status, string message, string code = "PT000") =>
        Json(new JsonObject { ["code"] = code, ["message"] = message, ["details"] = "It is so.", ["hint"] = "Do otherwise." }.ToJsonString(), status);

    // Stores what a call to send a message asks for, once, and returns what is broadcast.
    public string StoreSent(JsonObject arguments) => Stored(arguments);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string function = request.RequestUri!.Segments[^1];
        JsonObject arguments = JsonNode.Parse(await request.Content!.ReadAsByteArrayAsync(cancellationToken))!.AsObject();
        lock (_gate)
            _calls[function] = _calls.GetValueOrDefault(function) + 1;
        if (await OnCall(function, arguments, cancellationToken) is { } answer)
            return answer;

        return function switch
        {
            "campfire_events" => Json(Events((long)arguments["p_after"]!, (int)arguments["p_limit"]!)),
            "campfire_send_message" => Json(Stored(arguments)),
            _ => Error(HttpStatusCode.NotFound, $"no function {function}", "PGRST202"),
        };
    }

    private string Events(long after, int limit)
    {
        lock (_gate)
        {
            JsonObject[] rows = [.. _log.Where(row => row.Key > after).Take(limit + 1).Select(row => (JsonObject)row.Value.DeepClone())];
            return new JsonObject
            {
                ["events"] = new JsonArray([.. rows.Take(limit)]),
                ["last_sequence"] = LastSequence,
                ["has_more"] = rows.Length > limit,
            }.ToJsonString(new() { MaxDepth = 100_000 });
        }
    }

    private string Stored(JsonObject arguments)
    {
        var id = (string)arguments["p_id"]!;
        lock (_gate)
        {
            foreach (JsonObject row in _log.Values)
            {
                if (row["payload"]!["id"] is { } stored && (string?)stored == id)
                    return row["payload"]!.ToJsonString();
            }
        }

        return Store((string)arguments["p_content"]!, Guid.Parse(id));
    }

    private JsonObject Message(long sequence, string content, Guid? id) => new()
    {
        ["sequence"] = sequence,
        ["id"] = (id ?? new Guid((int)sequence, 0, 0, new byte[8])).ToString(),
        ["conversation_id"] = ConversationId.ToString(),
        ["organization_id"] = OrganizationId.ToString(),
        ["content"] = content,
        ["sender_type"] = "visitor",
        ["sender_id"] = "v",
        ["sender_name"] = null,
        ["sender_email"] = null,
        ["attachments"] = new JsonArray(),
        ["metadata"] = null,
        ["created_at"] = "2026-01-02T03:04:05.000000Z",
    };
}

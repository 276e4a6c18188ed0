using System.Globalization;
using System.Text.Json.Nodes;

namespace Campfire.Realtime.Tests.Support;

// The conversations of one organization, behind campfire_conversations.
internal sealed class ScriptedInbox(Guid organizationId)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, (long Version, DateTimeOffset UpdatedAt)> _rows = [];
    private readonly List<JsonObject> _calls = [];

    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public IReadOnlyList<JsonObject> Calls
    {
        get
        {
            lock (_gate)
                return [.. _calls];
        }
    }

    public IReadOnlyList<(Guid Id, long Version)> Newest(int count)
    {
        lock (_gate)
            return [.. InOrder().Take(count).Select(row => (row.Key, row.Value.Version))];
    }

    // Changes a conversation and returns what is broadcast.
    public string Change(Guid id, TimeSpan later = default)
    {
        lock (_gate)
        {
            Now += later == default ? TimeSpan.FromMicroseconds(1) : later;
            _rows[id] = (_rows.GetValueOrDefault(id).Version + 1, Now);
            return Row(id).ToJsonString();
        }
    }

    public HttpResponseMessage Answer(JsonObject arguments)
    {
        lock (_gate)
        {
            _calls.Add((JsonObject)arguments.DeepClone());
            DateTimeOffset after = Time(arguments["p_updated_after"]) ?? DateTimeOffset.MinValue, before = Time(arguments["p_before"]) ?? DateTimeOffset.MaxValue;
            Guid beforeId = arguments["p_before_id"] is { } id ? Guid.Parse((string)id!) : Guid.Empty;
            int limit = (int)arguments["p_limit"]!;
            Guid[] ids =
            [
                .. InOrder()
                    .Where(row => row.Value.UpdatedAt > after && (row.Value.UpdatedAt < before || (row.Value.UpdatedAt == before && row.Key.CompareTo(beforeId) < 0)))
                    .Take(limit + 1).Select(row => row.Key),
            ];
            return ScriptedDatabase.Json(new JsonObject
            {
                ["conversations"] = new JsonArray([.. ids.Take(limit).Select(Row)]),
                ["has_more"] = ids.Length > limit,
                ["server_time"] = Iso(Now),
            }.ToJsonString());
        }
    }

    private static DateTimeOffset? Time(JsonNode? node) => node is null ? null : DateTimeOffset.Parse((string)node!, CultureInfo.InvariantCulture);

    private static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private IEnumerable<KeyValuePair<Guid, (long Version, DateTimeOffset UpdatedAt)>> InOrder() =>
        _rows.OrderByDescending(row => row.Value.UpdatedAt).ThenByDescending(row => row.Key);

    private JsonObject Row(Guid id) => new()
    {
        ["id"] = id.ToString(),
        ["organization_id"] = organizationId.ToString(),
        ["status"] = "open",
        ["priority"] = "medium",
        ["handler_type"] = "ai",
        ["handler_epoch"] = 0,
        ["version"] = _rows[id].Version,
        ["last_sequence"] = 0,
        ["created_at"] = "2026-01-02T03:04:05.000000Z",
        ["updated_at"] = Iso(_rows[id].UpdatedAt),
    };
}

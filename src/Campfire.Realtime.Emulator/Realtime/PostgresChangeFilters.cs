using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Hosting;

namespace Campfire.Realtime.Emulator.Realtime;

// The emulator serves no postgres_changes, but a client checks that the reply echoes what it asked for.
internal static class PostgresChangeFilters
{
    private const int IdCount = 1 << 27;

    private static readonly string[] _legacyFields = ["schema", "table", "filter"];
    private static readonly JsonSerializerOptions _relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyList<string> Read(JsonElement? filters) => filters is { ValueKind: JsonValueKind.Array } array
        ? [.. array.EnumerateArray().Where(filter => filter.ValueKind == JsonValueKind.Object && JsonText.IsReadable(filter)).Select(filter => Echo(JsonObject.Create(filter)!))]
        : [];

    public static string? FaultIn(JsonElement? filters)
    {
        if (filters is not { ValueKind: JsonValueKind.Array } array)
            return null;
        var wrong = array.EnumerateArray().FirstOrDefault(filter => filter.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null));
        return wrong.ValueKind == JsonValueKind.Undefined ? null : $"UnknownErrorOnChannel: expected a map, got: {wrong.GetRawText()}";
    }

    // A join without config is of a protocol before channels, where the topic named a table.
    public static IReadOnlyList<string> FromTopic(string subTopic)
    {
        var filter = new JsonObject();
        foreach (var (name, value) in _legacyFields.Zip(subTopic.Split(':', 3)))
            filter[name] = value;
        return [Echo(filter)];
    }

    private static string Echo(JsonObject filter)
    {
        filter["id"] = IdOf(filter);
        return filter.ToJsonString(_relaxed);
    }

    // Equal filters have equal ids, in whichever order their keys came; the number itself means nothing.
    private static int IdOf(JsonObject filter)
    {
        var hash = 2166136261u;
        var canonical = string.Join(',', filter.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}:{pair.Value?.ToJsonString()}"));
        foreach (var octet in Encoding.UTF8.GetBytes(canonical))
            hash = (hash ^ octet) * 16777619;
        return (int)(hash % IdCount);
    }
}

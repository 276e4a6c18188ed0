using System.Text.Json;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Presence;

/// <summary>Who is there, by key and connection (<c>phx_ref</c>). Not thread-safe.</summary>
internal sealed class PresenceRoster
{
    private const int MaxPendingDiffs = 1024;

    private readonly Dictionary<string, OrderedDictionary<string, PresenceDetails>> _connections = new(StringComparer.Ordinal);
    private readonly List<JsonElement> _pendingDiffs = [];
    private bool _hasState;

    /// <summary>A new membership begins: its state is still to come, and diffs mean nothing before it.</summary>
    public void AwaitState()
    {
        _hasState = false;
        _pendingDiffs.Clear();
    }

    /// <exception cref="JsonException">The payload is no presence state.</exception>
    public void Replace(ReadOnlySpan<byte> json)
    {
        JsonElement state = Parse(json);
        _connections.Clear();
        Add(state);
        _hasState = true;
        foreach (JsonElement diff in _pendingDiffs)
            ApplyDiff(diff);
        _pendingDiffs.Clear();
    }

    /// <exception cref="JsonException">The payload is no presence diff.</exception>
    public void Apply(ReadOnlySpan<byte> json)
    {
        JsonElement diff = Parse(json);
        if (_hasState)
            ApplyDiff(diff);
        else if (_pendingDiffs.Count < MaxPendingDiffs)
            _pendingDiffs.Add(diff);
    }

    public IReadOnlyList<PresentParticipant> Snapshot() =>
    [
        .. _connections
            .Select(entry => new PresentParticipant(entry.Key, entry.Value.GetAt(entry.Value.Count - 1).Value, entry.Value.Count))
            .OrderBy(participant => participant.Key, StringComparer.Ordinal),
    ];

    private static JsonElement Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, FrameReader.JsonOptions);
        JsonElement element = JsonElement.ParseValue(ref reader);
        return element.ValueKind is JsonValueKind.Object ? element : throw new JsonException("Presence is a JSON object.");
    }

    private void ApplyDiff(JsonElement diff)
    {
        if (diff.TryGetProperty("joins", out JsonElement joins))
            Add(joins);
        if (diff.TryGetProperty("leaves", out JsonElement leaves))
            Remove(leaves);
    }

    private void Add(JsonElement entries)
    {
        foreach ((string key, string connection, JsonElement meta) in Metas(entries))
        {
            if (!_connections.TryGetValue(key, out OrderedDictionary<string, PresenceDetails>? connections))
                _connections.Add(key, connections = new OrderedDictionary<string, PresenceDetails>(StringComparer.Ordinal));
            connections[connection] = ReadDetails(meta);
        }
    }

    private void Remove(JsonElement entries)
    {
        foreach ((string key, string connection, _) in Metas(entries))
        {
            if (_connections.TryGetValue(key, out OrderedDictionary<string, PresenceDetails>? connections) && connections.Remove(connection) && connections.Count == 0)
                _connections.Remove(key);
        }
    }

    private static PresenceDetails ReadDetails(JsonElement meta)
    {
        try
        {
            return meta.Deserialize(PresenceJsonContext.Default.PresenceDetails) ?? PresenceDetails.Unknown;
        }
        catch (JsonException)
        {
            // Somebody tracks with another shape; that he is there is still true.
            return PresenceDetails.Unknown;
        }
    }

    // Everybody may track what he likes; what is no presence is left out and must not hide the others.
    private static IEnumerable<(string Key, string Connection, JsonElement Meta)> Metas(JsonElement entries)
    {
        if (entries.ValueKind is not JsonValueKind.Object)
            yield break;

        foreach (JsonProperty entry in entries.EnumerateObject())
        {
            if (entry.Value.ValueKind is not JsonValueKind.Object || !entry.Value.TryGetProperty("metas", out JsonElement metas) || metas.ValueKind is not JsonValueKind.Array)
                continue;

            foreach (JsonElement meta in metas.EnumerateArray())
            {
                if (meta.ValueKind is JsonValueKind.Object && meta.TryGetProperty("phx_ref", out JsonElement connection)
                    && connection.ValueKind is JsonValueKind.String && connection.GetString() is { } phxRef)
                    yield return (entry.Name, phxRef, meta);
            }
        }
    }
}

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Presence;

/// <summary>Who is there, by key and connection (<c>phx_ref</c>). Not thread-safe.</summary>
internal sealed class PresenceRoster
{
    public const int MaxConnections = 10_000;

    // What everybody may send must not fill the memory of everybody else.
    private const int MaxNameLength = 1024;
    private const int MaxDetailsBytes = 4096;
    private const int MaxPendingDiffs = 1024;
    private const int MaxPendingBytes = 5_000_000;

    private static readonly Comparer<PresentParticipant> ByKey = Comparer<PresentParticipant>.Create(static (a, b) => string.CompareOrdinal(a.Key, b.Key));

    private readonly Dictionary<string, OrderedDictionary<string, PresenceDetails>> _connections = new(StringComparer.Ordinal);
    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);
    private readonly List<JsonElement> _pendingDiffs = [];

    // By key. A list for every diff must not cost what ten thousand connections cost: it shares with the one before what is the same.
    private ImmutableList<PresentParticipant> _present = [];
    private bool _hasState;
    private int _pendingBytes;
    private int _count;

    /// <summary>How many connections found no room, ever.</summary>
    public long Ignored { get; private set; }

    /// <summary>A new membership begins: its state is still to come, and diffs mean nothing before it.</summary>
    public void AwaitState()
    {
        _hasState = false;
        ClearPending();
    }

    /// <exception cref="JsonException">The payload is no presence state.</exception>
    public void Replace(ReadOnlySpan<byte> json)
    {
        JsonElement state = Parse(json);
        _connections.Clear();
        _count = 0;
        Add(state);
        _changed.Clear();
        _present = [.. _connections.Select(entry => Describe(entry.Key, entry.Value)).OrderBy(participant => participant.Key, StringComparer.Ordinal)];
        _hasState = true;
        foreach (JsonElement diff in _pendingDiffs)
            ApplyDiff(diff);
        ClearPending();
    }

    /// <exception cref="JsonException">The payload is no presence diff.</exception>
    public void Apply(ReadOnlySpan<byte> json)
    {
        JsonElement diff = Parse(json);
        if (_hasState)
            ApplyDiff(diff);
        else if (_pendingDiffs.Count < MaxPendingDiffs && _pendingBytes + json.Length <= MaxPendingBytes)
        {
            _pendingDiffs.Add(diff);
            _pendingBytes += json.Length;
        }
        else
        {
            Ignored++;
        }
    }

    /// <summary>Who is there now, by key. Never changes afterwards, and costs nothing.</summary>
    public IReadOnlyList<PresentParticipant> Snapshot() => _present;

    private static JsonElement Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, FrameReader.JsonOptions);
        JsonElement element = JsonElement.ParseValue(ref reader);
        return element.ValueKind is JsonValueKind.Object ? element : throw new JsonException("Presence is a JSON object.");
    }

    private void ClearPending()
    {
        _pendingDiffs.Clear();
        _pendingBytes = 0;
    }

    private void ApplyDiff(JsonElement diff)
    {
        if (diff.TryGetProperty("joins", out JsonElement joins))
            Add(joins);
        if (diff.TryGetProperty("leaves", out JsonElement leaves))
            Remove(leaves);
        foreach (string key in _changed)
            Show(key);
        _changed.Clear();
    }

    private void Show(string key)
    {
        bool isPresent = _connections.TryGetValue(key, out OrderedDictionary<string, PresenceDetails>? connections);
        PresentParticipant participant = isPresent ? Describe(key, connections!) : new PresentParticipant(key, PresenceDetails.Unknown, 0);
        int index = _present.BinarySearch(participant, ByKey);
        if (!isPresent)
            _present = index < 0 ? _present : _present.RemoveAt(index);
        else
            _present = index < 0 ? _present.Insert(~index, participant) : _present.SetItem(index, participant);
    }

    private static PresentParticipant Describe(string key, OrderedDictionary<string, PresenceDetails> connections) =>
        new(key, connections.GetAt(connections.Count - 1).Value, connections.Count);

    private void Add(JsonElement entries)
    {
        foreach ((string key, string connection, JsonElement meta) in Metas(entries))
        {
            bool isKnown = _connections.TryGetValue(key, out OrderedDictionary<string, PresenceDetails>? connections) && connections.ContainsKey(connection);
            if (!isKnown && (_count >= MaxConnections || key.Length > MaxNameLength || connection.Length > MaxNameLength))
            {
                Ignored++;
                continue;
            }

            if (!isKnown)
                _count++;
            if (connections is null)
                _connections.Add(key, connections = new OrderedDictionary<string, PresenceDetails>(StringComparer.Ordinal));
            connections[connection] = ReadDetails(meta);
            _changed.Add(key);
        }
    }

    private void Remove(JsonElement entries)
    {
        foreach ((string key, string connection, _) in Metas(entries))
        {
            if (!_connections.TryGetValue(key, out OrderedDictionary<string, PresenceDetails>? connections) || !connections.Remove(connection))
                continue;

            _count--;
            _changed.Add(key);
            if (connections.Count == 0)
                _connections.Remove(key);
        }
    }

    private static PresenceDetails ReadDetails(JsonElement meta)
    {
        // Too long to be kept for each of ten thousand; that he is there is still true.
        if (JsonMarshal.GetRawUtf8Value(meta).Length > MaxDetailsBytes)
            return PresenceDetails.Unknown;

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

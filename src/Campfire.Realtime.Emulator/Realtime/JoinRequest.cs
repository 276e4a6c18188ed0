using System.Text.Json;
using Campfire.Realtime.Emulator.Hosting;

namespace Campfire.Realtime.Emulator.Realtime;

// A wrong field does not fail a join: it counts as not given.
internal sealed record JoinRequest
{
    // The years that PostgreSQL's timestamp and .NET's both know.
    private static readonly long _earliestSince = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long _latestSince = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    public bool Acknowledges { get; private init; }

    public bool ReceivesOwn { get; private init; }

    public bool IsPrivate { get; private init; }

    public bool WantsReplicationNotice { get; private init; }

    public bool IsPresenceEnabled { get; private init; }

    public string PresenceKey { get; private init; } = "";

    // Null unless the key is there, with whatever value.
    public ReplayRequest? Replay { get; private init; }

    public string? AccessToken { get; private init; }

    // As JSON, each with the id that the reply gives it.
    public IReadOnlyList<string> PostgresChanges { get; private init; } = [];

    // What the real server stumbles over, though only after it has let the channel in.
    public string? Fault { get; private init; }

    public static JoinRequest Read(ReadOnlyMemory<byte> payload, string subTopic)
    {
        using var document = JsonDocument.Parse(payload, new JsonDocumentOptions { MaxDepth = 512 });
        var root = document.RootElement;
        var broadcast = Find(root, "config", "broadcast");
        var presence = Find(root, "config", "presence");
        var hasConfig = Find(root, "config") is not null;
        return new JoinRequest
        {
            Acknowledges = IsTrue(Find(broadcast, "ack")),
            ReceivesOwn = IsTrue(Find(broadcast, "self")),
            WantsReplicationNotice = Find(broadcast, "replication_ready") is { ValueKind: not (JsonValueKind.Null or JsonValueKind.False) },
            Replay = Find(broadcast, "replay") is { } replay ? ReadReplay(replay) : null,
            IsPresenceEnabled = IsTrue(Find(presence, "enabled")),
            PresenceKey = ScalarOf(Find(presence, "key")) is { Length: > 0 } key ? key : Guid.NewGuid().ToString(),
            IsPrivate = IsTrue(Find(root, "config", "private")),
            AccessToken = StringOf(Find(root, "user_token")) ?? StringOf(Find(root, "access_token")),
            PostgresChanges = hasConfig ? PostgresChangeFilters.Read(Find(root, "config", "postgres_changes")) : PostgresChangeFilters.FromTopic(subTopic),
            Fault = PostgresChangeFilters.FaultIn(Find(root, "config", "postgres_changes")),
        };
    }

    private static ReplayRequest ReadReplay(JsonElement replay)
    {
        if (replay.ValueKind != JsonValueKind.Object)
            return ReplayRequest.Nothing;
        var limit = ReplayRequest.MaxLimit;
        if (Find(replay, "limit") is { ValueKind: not (JsonValueKind.Null or JsonValueKind.False) } given)
        {
            if (given.ValueKind != JsonValueKind.Number || !given.TryGetInt64(out var wished))
                return ReplayRequest.Invalid;
            limit = (int)Math.Clamp(wished, 1, ReplayRequest.MaxLimit);
        }
        return Find(replay, "since") is { ValueKind: JsonValueKind.Number } since && since.TryGetInt64(out var milliseconds) && milliseconds <= _latestSince
            ? new ReplayRequest(DateTimeOffset.FromUnixTimeMilliseconds(Math.Max(milliseconds, _earliestSince)), limit)
            : ReplayRequest.Invalid;
    }

    private static JsonElement? Find(JsonElement? element, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (element is not { ValueKind: JsonValueKind.Object } parent || !parent.TryGetProperty(name, out var child))
                return null;
            element = child;
        }
        return element;
    }

    private static bool IsTrue(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { } text => string.Equals(JsonText.Read(text), "true", StringComparison.OrdinalIgnoreCase),
        null => false,
    };

    private static string? StringOf(JsonElement? element) => element is { } text ? JsonText.Read(text) : null;

    private static string? ScalarOf(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } scalar => scalar.GetRawText(),
        { } text => JsonText.Read(text),
        null => null,
    };
}

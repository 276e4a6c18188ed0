using System.Text.Json;

namespace Campfire.Realtime.Delivery;

/// <summary>Where a conversation stands in an inbox: by its last change, and where two share a moment, by its identifier, as the database sorts.</summary>
internal readonly record struct InboxPlace(DateTimeOffset UpdatedAt, Guid Id) : IComparable<InboxPlace>
{
    public int CompareTo(InboxPlace other)
    {
        int byTime = UpdatedAt.CompareTo(other.UpdatedAt);
        return byTime != 0 ? byTime : Id.CompareTo(other.Id);
    }

    /// <summary>The place that a row states, also when the rest of it cannot be read.</summary>
    public static InboxPlace? Of(JsonElement row) =>
        row.ValueKind is JsonValueKind.Object
        && row.TryGetProperty("updated_at", out JsonElement updatedAt) && updatedAt.ValueKind is JsonValueKind.String && updatedAt.TryGetDateTimeOffset(out DateTimeOffset time)
        && row.TryGetProperty("id", out JsonElement id) && id.ValueKind is JsonValueKind.String && id.TryGetGuid(out Guid guid)
            ? new InboxPlace(time, guid)
            : null;
}

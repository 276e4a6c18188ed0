using System.Data;

namespace Campfire.Realtime.Emulator.Rest;

// What a role or a function wants to hold for the whole transaction of a call. An isolation level cannot be set like the
// rest: the transaction begins with it.
internal sealed record TransactionSettings(IReadOnlyList<KeyValuePair<string, string>> Values, IsolationLevel? Isolation)
{
    private const string IsolationName = "default_transaction_isolation";

    public static TransactionSettings None { get; } = new([], Isolation: null);

    // As PostgreSQL stores them, each "name=value".
    public static TransactionSettings Read(IEnumerable<string> settings)
    {
        var values = settings.Select(setting => setting.Split('=', 2)).ToLookup(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        return new TransactionSettings(
            [.. values.Where(value => value.Key != IsolationName).Select(value => KeyValuePair.Create(value.Key, value.Last()))],
            values[IsolationName].LastOrDefault()?.ToUpperInvariant() switch
            {
                null => null,
                "REPEATABLE READ" => IsolationLevel.RepeatableRead,
                "SERIALIZABLE" => IsolationLevel.Serializable,
                _ => IsolationLevel.ReadCommitted,
            });
    }
}

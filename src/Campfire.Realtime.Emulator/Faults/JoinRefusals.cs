using System.Text.RegularExpressions;
using Campfire.Realtime.Emulator.Realtime;

namespace Campfire.Realtime.Emulator.Faults;

// The joins to be refused, and what Realtime says when it refuses one.
internal sealed partial class JoinRefusals(FaultLog log)
{
    private const string TopicPlaceholder = "{topic}";
    private const string NoTenant = "TenantNotFound: Tenant with the given ID does not exist";

    // Of a code with several texts, the one that is met most.
    private static readonly Dictionary<string, string> _reasons = ((string[])
    [
        JoinRefusal.NoTopicName,
        "RealtimeRestarting: Realtime is restarting, please standby",
        NoTenant,
        JoinRefusal.PrivateOnly,
        JoinRefusal.TooManyUsers,
        JoinRefusal.TooManyJoins,
        JoinRefusal.TooManyChannels,
        $"InvalidJWTToken: {TokenFaultTexts.ExpiredNow}",
        $"MalformedJWT: {TokenFaultTexts.NoToken}",
        $"JwtSignatureError: {TokenFaultTexts.BadSignature}",
        $"JwtSignerError: {TokenFaultTexts.NoSigner}",
        JoinRefusal.NoPermission(TopicPlaceholder),
        JoinRefusal.ReplayFailed,
        "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect",
        "DatabaseConnectionRateLimitReached: Too many database connections attempts per second",
        "IncreaseConnectionPool: Please increase your connection pool size",
        JoinRefusal.DatabaseUnavailable,
        "InitializingProjectConnection: Realtime is initializing the project connection",
        JoinRefusal.MissingPartition,
        "TimeoutOnRpcCall: Node request timeout",
        "RealtimeDisabledForTenant: Realtime disabled for this tenant",
    ]).ToDictionary(CodeOf, StringComparer.Ordinal);

    // Realtime's refusals that have no code.
    private static readonly HashSet<string> _bareTexts = new(StringComparer.Ordinal)
    {
        JoinRefusal.DatabaseUnavailableText,
        "Unknown Error on Channel",
        "unmatched topic",
        "join crashed",
    };

    private readonly Lock _lock = new();
    private readonly Queue<string> _planned = new();

    public void Plan(string reason, int count)
    {
        var whole = Complete(reason);
        lock (_lock)
        {
            for (var i = 0; i < count; i++)
                _planned.Enqueue(whole);
        }
    }

    public string? Take(string subTopic)
    {
        lock (_lock)
        {
            if (!_planned.TryDequeue(out var reason))
                return null;
            reason = reason.Replace(TopicPlaceholder, subTopic, StringComparison.Ordinal);
            log.Add(EmulatorFaultKind.JoinRefused, subTopic, detail: reason);
            return reason;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _planned.Clear();
    }

    // Realtime closes the whole socket behind these two.
    public static bool EndsSocket(string reason) => CodeOf(reason) is var code && (code == CodeOf(JoinRefusal.TooManyJoins) || code == CodeOf(NoTenant));

    private static string Complete(string reason)
    {
        if (_reasons.TryGetValue(reason, out var whole))
            return whole;
        if (_bareTexts.Contains(reason) || CodeAndText().IsMatch(reason))
            return reason;
        throw new ArgumentException(
            $"'{reason}' is neither a whole reason, \"Code: text\", nor a code whose text is known: {string.Join(", ", _reasons.Keys.Order(StringComparer.Ordinal))}.",
            nameof(reason));
    }

    private static string CodeOf(string reason) => reason.Split(':', 2)[0];

    [GeneratedRegex(@"^[A-Z][A-Za-z]+: \S", RegexOptions.CultureInvariant)]
    private static partial Regex CodeAndText();
}

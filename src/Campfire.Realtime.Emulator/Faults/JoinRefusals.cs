using System.Text.RegularExpressions;

namespace Campfire.Realtime.Emulator.Faults;

// The joins to be refused, and what Realtime says when it refuses one.
internal sealed partial class JoinRefusals(FaultLog log)
{
    private const string TopicPlaceholder = "{topic}";
    private const string TooManyJoins = "ClientJoinRateLimitReached";
    private const string NoTenant = "TenantNotFound";

    // Of a code with several texts, the one that is met most.
    private static readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal)
    {
        ["TopicNameRequired"] = "You must provide a topic name",
        ["RealtimeRestarting"] = "Realtime is restarting, please standby",
        [NoTenant] = "Tenant with the given ID does not exist",
        ["PrivateOnly"] = "This project only allows private channels",
        ["ConnectionRateLimitReached"] = "Too many connected users",
        [TooManyJoins] = "Too many joins per second",
        ["ChannelRateLimitReached"] = "Too many channels",
        ["InvalidJWTToken"] = "Token has expired 0 seconds ago",
        ["MalformedJWT"] = "The token provided is not a valid JWT",
        ["JwtSignatureError"] = "Failed to validate JWT signature",
        ["JwtSignerError"] = "Failed to generate JWT signer, check your JWT secret or JWKS configuration",
        ["Unauthorized"] = "You do not have permissions to read from this Channel topic: " + TopicPlaceholder,
        ["UnableToReplayMessages"] = "Realtime was unable to replay messages",
        ["DatabaseLackOfConnections"] = "Database can't accept more connections, Realtime won't connect",
        ["DatabaseConnectionRateLimitReached"] = "Too many database connections attempts per second",
        ["IncreaseConnectionPool"] = "Please increase your connection pool size",
        ["UnableToConnectToProject"] = "Realtime was unable to connect to the project database",
        ["InitializingProjectConnection"] = "Realtime is initializing the project connection",
        ["MissingPartition"] = "Realtime was unable to find the expected messages partition",
        ["TimeoutOnRpcCall"] = "Node request timeout",
        ["RealtimeDisabledForTenant"] = "Realtime disabled for this tenant",
    };

    // Realtime's refusals that have no code.
    private static readonly HashSet<string> _bareTexts = new(StringComparer.Ordinal)
    {
        "Realtime was unable to connect to the project database",
        "Unknown Error on Channel",
        "unmatched topic",
        "join crashed",
    };

    private readonly Lock _lock = new();
    private readonly Queue<string> _reasons = new();

    public void Plan(string reason, int count)
    {
        var whole = Complete(reason);
        lock (_lock)
        {
            for (var i = 0; i < count; i++)
                _reasons.Enqueue(whole);
        }
    }

    public string? Take(string subTopic)
    {
        lock (_lock)
        {
            if (!_reasons.TryDequeue(out var reason))
                return null;
            reason = reason.Replace(TopicPlaceholder, subTopic, StringComparison.Ordinal);
            log.Add(EmulatorFaultKind.JoinRefused, subTopic, detail: reason);
            return reason;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _reasons.Clear();
    }

    // Realtime closes the whole socket behind these two.
    public static bool EndsSocket(string reason) =>
        reason.StartsWith(TooManyJoins + ":", StringComparison.Ordinal) || reason.StartsWith(NoTenant + ":", StringComparison.Ordinal);

    private static string Complete(string reason)
    {
        if (_texts.TryGetValue(reason, out var text))
            return $"{reason}: {text}";
        if (_bareTexts.Contains(reason) || CodeAndText().IsMatch(reason))
            return reason;
        throw new ArgumentException(
            $"'{reason}' is neither a whole reason, \"Code: text\", nor a code whose text is known: {string.Join(", ", _texts.Keys.Order(StringComparer.Ordinal))}.",
            nameof(reason));
    }

    [GeneratedRegex(@"^[A-Z][A-Za-z]+: \S", RegexOptions.CultureInvariant)]
    private static partial Regex CodeAndText();
}

using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Campfire.Realtime.Conformance.Tests;

// One line of the protocol's checklist. A test belongs to it by its name: Point_04_a_missing_key_is_told. Beyond is the
// part of a tested point that no test here reaches.
internal sealed partial record Point(int Number, string Subject, string? WhyUntested = null, string? Beyond = null)
{
    private const string Client = "asks something of clients only";

    // The whole checklist, and the one place that says why a point has no test here.
    public static IReadOnlyList<Point> All { get; } =
    [
        new(1, "both paths accept a socket"),
        new(2, "no vsn is 1.0.0, an unsupported one is 403"),
        new(3, "x-api-key beats apikey"),
        new(4, "a missing key is 401"),
        new(5, "wrong tokens are 401 with their texts"),
        new(6, "a failed upgrade is reported, and repeated slowly", Client),
        new(7, "more than 5,000,000 bytes close with 1009"),
        new(8, "a silent client is closed with 1000"),
        new(9, "reconnect after any close", Client),
        new(10, "delays between reconnects", Client),
        new(11, "neither compression nor pings"),
        new(12, "text frames of vsn 2 are arrays of five"),
        new(13, "the golden vectors of binary frames"),
        new(14, "lengths count bytes of UTF-8"),
        new(15, "malformed frames are dropped, the socket stays"),
        new(16, "frames of vsn 1 have four members"),
        new(17, "text or kind 4, by origin and member"),
        new(18, "binary payloads never reach vsn 1"),
        new(19, "text and kind 4 are the same event", Client),
        new(20, "kind 4 with and without metadata", Client),
        new(21, "a join's reply has postgres_changes"),
        new(22, "change filters are echoed with ids"),
        new(23, "equal filters have equal ids", Beyond: "the emulator delivers no changes that could name them"),
        new(24, "a topic needs a name"),
        new(25, "topics outside of realtime: are unmatched"),
        new(26, "string booleans, and invalid fields as not given"),
        new(27, "config is always sent, without nulls", Client),
        new(28, "refused joins have a reason and no phx_close"),
        new(29, "leaving answers ok, then phx_close"),
        new(30, "leaving an unknown topic is ok"),
        new(31, "a second join replaces the first"),
        new(32, "frames of another join_ref are ignored", Client),
        new(33, "all channels are joined again after a reconnect", Client),
        new(34, "failed joins are repeated", Client),
        new(35, "phx_close ends a channel", Client),
        new(36, "a join that is not answered is left and repeated", Client),
        new(37, "stale and missing join_refs are accepted"),
        new(38, "a failing join holds up its socket"),
        new(39, "heartbeats are answered"),
        new(40, "heartbeats are sent, and a silent server is left", Client),
        new(41, "text payloads are relayed verbatim"),
        new(42, "self decides on the sender's copy"),
        new(43, "ack decides on the reply"),
        new(44, "oversized payloads are refused"),
        new(45, "error responses are strings or objects", Client),
        new(46, "a send without its reply times out", Client),
        new(47, "metadata of a push is not forwarded"),
        new(48, "public and private members do not meet"),
        new(49, "without ack a send ends when it is written", Client),
        new(50, "presence_state comes once"),
        new(51, "track is answered, in any case of letters"),
        new(52, "tracking again is an update, or nothing"),
        new(53, "tracking without presence in the join"),
        new(54, "a presence must be an object"),
        new(55, "six presence calls in 30 s close the channel"),
        new(56, "diffs wait for the state", Client),
        new(57, "presence is enabled by a listener", Client),
        new(58, "private joins need a read grant"),
        new(59, "readers receive, their own broadcasts vanish"),
        new(60, "grants are decided again for a new token"),
        new(61, "same, null and opaque tokens are ignored"),
        new(62, "wrong tokens close the channel"),
        new(63, "an expired token closes the channel"),
        new(64, "new tokens go to every channel", Client),
        new(65, "private-only projects refuse public joins", "a setting of the project; Emulator.Tests tries it"),
        new(66, "members of system messages"),
        new(67, "the outcome of a subscription to changes is told"),
        new(68, "a wrong subscription to changes keeps the channel"),
        new(69, "change bindings are matched by index", Client),
        new(70, "replication_ready is answered"),
        new(71, "a restart is announced, then 1012", "no client can ask for a restart; Emulator.Tests tries it"),
        new(72, "REST: batches"),
        new(73, "REST: single broadcasts"),
        new(74, "REST: what clients send and expect", Client),
        new(75, "broadcasts from the database carry the row's id"),
        new(76, "replay: newest rows, oldest first"),
        new(77, "replay: refusals"),
        new(78, "replay: ids are exposed and repeats dropped", Client),
        new(79, "replay: the live copy is not delivered again"),
        new(80, "limits of events, joins and channels", Beyond: "rates belong to the whole project; Emulator.Tests trips them"),
        new(81, "a channel buffers 100 pushes", Client),
        new(82, "without channels the client disconnects", Client),
    ];

    public static int? NumberOf(string? test) =>
        test is not null && Prefix().Match(test) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    public static IReadOnlySet<int> Tested() => Assembly.GetExecutingAssembly().GetTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance))
        .Where(method => method.GetCustomAttributes().Any(attribute => attribute is NUnit.Framework.Interfaces.ITestBuilder or NUnit.Framework.Interfaces.ISimpleTestBuilder))
        .Select(method => NumberOf(method.Name))
        .OfType<int>()
        .ToHashSet();

    [GeneratedRegex("^Point_([0-9]{2})_")]
    private static partial Regex Prefix();
}

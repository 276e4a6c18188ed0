using System.Buffers;
using System.Text;

namespace Campfire.Realtime.Protocol;

/// <summary>Names of the known events, <c>{resource}:{action}[:{detail}]</c> in lower case.</summary>
/// <remarks>Applications may use further names of the same form on their own channels; <see cref="IsValid"/> checks the form.</remarks>
public static class EventNames
{
    /// <summary>A message was stored.</summary>
    public const string MessageCreated = "message:created";

    /// <summary>A message was edited by its author.</summary>
    public const string MessageUpdated = "message:updated";

    /// <summary>A message was replaced by a tombstone.</summary>
    public const string MessageDeleted = "message:deleted";

    /// <summary>A participant has received or read up to a sequence.</summary>
    public const string ReadReceipt = "read:receipt";

    /// <summary>A conversation was opened.</summary>
    public const string ConversationCreated = "conversation:created";

    /// <summary>A conversation's row changed.</summary>
    public const string ConversationUpdated = "conversation:updated";

    /// <summary>A conversation was given to an agent.</summary>
    public const string ConversationAssigned = "conversation:assigned";

    /// <summary>A conversation was taken from its agent.</summary>
    public const string ConversationUnassigned = "conversation:unassigned";

    /// <summary>A conversation was closed.</summary>
    public const string ConversationClosed = "conversation:closed";

    /// <summary>A closed conversation was opened again.</summary>
    public const string ConversationReopened = "conversation:reopened";

    /// <summary>A conversation was archived.</summary>
    public const string ConversationArchived = "conversation:archived";

    /// <summary>A participant is typing.</summary>
    public const string TypingStart = "typing:start";

    /// <summary>A participant has stopped typing.</summary>
    public const string TypingStop = "typing:stop";

    /// <summary>An agent is online.</summary>
    public const string AgentOnline = "agent:status:online";

    /// <summary>An agent is away.</summary>
    public const string AgentAway = "agent:status:away";

    /// <summary>An agent is busy.</summary>
    public const string AgentBusy = "agent:status:busy";

    /// <summary>An agent is offline.</summary>
    public const string AgentOffline = "agent:status:offline";

    /// <summary>An AI took a conversation.</summary>
    public const string AiActivated = "ai:activated";

    /// <summary>An AI left a conversation.</summary>
    public const string AiDeactivated = "ai:deactivated";

    /// <summary>A piece of an AI's draft; never stored.</summary>
    public const string AiResponseDelta = "ai:response:delta";

    /// <summary>An AI has finished an answer.</summary>
    public const string AiResponseGenerated = "ai:response:generated";

    /// <summary>The AI or the visitor asks for a human.</summary>
    public const string AiHandoverRequested = "ai:handover:requested";

    /// <summary>A human took over from the AI.</summary>
    public const string AiHandoverCompleted = "ai:handover:completed";

    /// <summary>A visitor came to the site.</summary>
    public const string VisitorJoined = "visitor:joined";

    /// <summary>A visitor left the site.</summary>
    public const string VisitorLeft = "visitor:left";

    /// <summary>A visitor opened a page.</summary>
    public const string VisitorPageView = "visitor:page:view";

    /// <summary>A notification was made.</summary>
    public const string NotificationCreated = "notification:created";

    /// <summary>A notification was read.</summary>
    public const string NotificationRead = "notification:read";

    /// <summary>A notification was dismissed.</summary>
    public const string NotificationDismissed = "notification:dismissed";

    /// <summary>Maintenance is announced.</summary>
    public const string SystemMaintenance = "system:maintenance";

    /// <summary>Something needs attention.</summary>
    public const string SystemAlert = "system:alert";

    /// <summary>A health check's result.</summary>
    public const string SystemHealthCheck = "system:health:check";

    private const int MaxLength = 255;

    private static readonly SearchValues<char> PartCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>Gets every known name.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        MessageCreated, MessageUpdated, MessageDeleted, ReadReceipt,
        ConversationCreated, ConversationUpdated, ConversationAssigned, ConversationUnassigned,
        ConversationClosed, ConversationReopened, ConversationArchived,
        TypingStart, TypingStop, AgentOnline, AgentAway, AgentBusy, AgentOffline,
        AiActivated, AiDeactivated, AiResponseDelta, AiResponseGenerated, AiHandoverRequested, AiHandoverCompleted,
        VisitorJoined, VisitorLeft, VisitorPageView,
        NotificationCreated, NotificationRead, NotificationDismissed,
        SystemMaintenance, SystemAlert, SystemHealthCheck,
    ];

    // After All, from which it is made: initializers run in the order of the text.
    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Known = All
        .ToDictionary(name => name, StringComparer.Ordinal)
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Tells whether a name has the form <c>{resource}:{action}[:{detail}]</c>: two or three parts of lower-case letters, digits, <c>-</c> and <c>_</c>, at most 255 bytes.</summary>
    /// <param name="name">The name to check.</param>
    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length > MaxLength)
            return false;

        int parts = 0;
        foreach (Range part in name.Split(':'))
        {
            ReadOnlySpan<char> text = name[part];
            if (++parts > 3 || text.IsEmpty || text.ContainsAnyExcept(PartCharacters))
                return false;
        }

        return parts >= 2;
    }

    /// <summary>Returns the constant of a known name, so that a received event costs no string.</summary>
    internal static string Intern(ReadOnlySpan<byte> utf8)
    {
        Span<char> buffer = stackalloc char[64];
        if (utf8.Length > buffer.Length)
            return Encoding.UTF8.GetString(utf8);

        ReadOnlySpan<char> name = buffer[..Encoding.UTF8.GetChars(utf8, buffer)];
        return Known.TryGetValue(name, out string? known) ? known : name.ToString();
    }
}

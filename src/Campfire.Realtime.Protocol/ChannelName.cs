using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Campfire.Realtime.Protocol;

/// <summary>A channel name of the naming standard, <c>org:{organization}[:{resource}[:{id}][:{action}]]</c> or <c>system:{topic}</c>.</summary>
/// <remarks>
/// An instance always holds a valid name: it is made by one of the factories or by parsing. Identifiers are UUIDs in lower-case
/// <c>D</c> format; the nil UUID is refused, because it is nearly always an identifier that was never set. Immutable and thread-safe.
/// </remarks>
public sealed class ChannelName : IEquatable<ChannelName>, ISpanParsable<ChannelName>
{
    internal const string TopicPrefix = "bcast:";
    internal const string WirePrefix = "realtime:";

    private const int IdLength = 36;
    private const int MaxQuotedLength = 128;

    private static readonly SearchValues<char> IdCharacters = SearchValues.Create("0123456789abcdef-");

    private ChannelName(ChannelKind kind, string value, Guid? organizationId = null, Guid? resourceId = null)
    {
        Kind = kind;
        Value = value;
        Topic = TopicPrefix + value;
        OrganizationId = organizationId;
        ResourceId = resourceId;
        WireTopic = Encoding.UTF8.GetBytes(WirePrefix + Topic);
    }

    /// <summary>Gets the channel <c>system:announcements</c>.</summary>
    public static ChannelName SystemAnnouncements { get; } = new(ChannelKind.SystemAnnouncements, "system:announcements");

    /// <summary>Gets the channel <c>system:health</c>.</summary>
    public static ChannelName SystemHealth { get; } = new(ChannelKind.SystemHealth, "system:health");

    /// <summary>Gets the channel <c>system:performance</c>.</summary>
    public static ChannelName SystemPerformance { get; } = new(ChannelKind.SystemPerformance, "system:performance");

    /// <summary>Gets the row of the naming standard that this name belongs to.</summary>
    public ChannelKind Kind { get; }

    /// <summary>Gets the name itself, for example <c>org:0197…:conv:0197…</c>.</summary>
    public string Value { get; }

    /// <summary>Gets the topic under which Supabase Realtime knows the channel: <c>bcast:</c> and the name.</summary>
    /// <value>What <c>realtime.topic()</c> returns in a policy and <c>realtime.send</c> takes; frames put <c>realtime:</c> before it.</value>
    public string Topic { get; }

    /// <summary>Gets the organization, or <see langword="null"/> for <c>system:*</c>.</summary>
    public Guid? OrganizationId { get; }

    /// <summary>Gets the conversation of a conversation channel, otherwise <see langword="null"/>.</summary>
    public Guid? ConversationId => Kind is >= ChannelKind.Conversation and <= ChannelKind.ConversationStatus ? ResourceId : null;

    /// <summary>Gets the user of a user channel, otherwise <see langword="null"/>.</summary>
    public Guid? UserId => Kind is >= ChannelKind.User and <= ChannelKind.UserActivity ? ResourceId : null;

    /// <summary>Gets the visitor of a visitor channel, otherwise <see langword="null"/>.</summary>
    public Guid? VisitorId => Kind is ChannelKind.WidgetVisitor ? ResourceId : null;

    internal ReadOnlyMemory<byte> WireTopic { get; }

    private Guid? ResourceId { get; }

    /// <summary>Makes <c>org:{organizationId}</c>.</summary>
    /// <exception cref="ArgumentException"><paramref name="organizationId"/> is the nil UUID.</exception>
    public static ChannelName Organization(Guid organizationId) => Of(ChannelKind.Organization, organizationId, "");

    /// <summary>Makes <c>org:{organizationId}:conversations</c>.</summary>
    /// <exception cref="ArgumentException">The identifier is the nil UUID.</exception>
    public static ChannelName Conversations(Guid organizationId) => Of(ChannelKind.Conversations, organizationId, ":conversations");

    /// <summary>Makes <c>org:{organizationId}:conv:{conversationId}</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName Conversation(Guid organizationId, Guid conversationId) =>
        Of(ChannelKind.Conversation, organizationId, ":conv:", conversationId, "");

    /// <summary>Makes <c>org:{organizationId}:conv:{conversationId}:typing</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName ConversationTyping(Guid organizationId, Guid conversationId) =>
        Of(ChannelKind.ConversationTyping, organizationId, ":conv:", conversationId, ":typing");

    /// <summary>Makes the reserved name <c>org:{organizationId}:conv:{conversationId}:presence</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName ConversationPresence(Guid organizationId, Guid conversationId) =>
        Of(ChannelKind.ConversationPresence, organizationId, ":conv:", conversationId, ":presence");

    /// <summary>Makes the reserved name <c>org:{organizationId}:conv:{conversationId}:handover</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName ConversationHandover(Guid organizationId, Guid conversationId) =>
        Of(ChannelKind.ConversationHandover, organizationId, ":conv:", conversationId, ":handover");

    /// <summary>Makes the reserved name <c>org:{organizationId}:conv:{conversationId}:status</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName ConversationStatus(Guid organizationId, Guid conversationId) =>
        Of(ChannelKind.ConversationStatus, organizationId, ":conv:", conversationId, ":status");

    /// <summary>Makes <c>org:{organizationId}:agents:presence</c>.</summary>
    /// <exception cref="ArgumentException">The identifier is the nil UUID.</exception>
    public static ChannelName AgentsPresence(Guid organizationId) => Of(ChannelKind.AgentsPresence, organizationId, ":agents:presence");

    /// <summary>Makes <c>org:{organizationId}:notifications</c>.</summary>
    /// <exception cref="ArgumentException">The identifier is the nil UUID.</exception>
    public static ChannelName Notifications(Guid organizationId) => Of(ChannelKind.Notifications, organizationId, ":notifications");

    /// <summary>Makes <c>org:{organizationId}:activity</c>.</summary>
    /// <exception cref="ArgumentException">The identifier is the nil UUID.</exception>
    public static ChannelName Activity(Guid organizationId) => Of(ChannelKind.Activity, organizationId, ":activity");

    /// <summary>Makes <c>org:{organizationId}:metrics</c>.</summary>
    /// <exception cref="ArgumentException">The identifier is the nil UUID.</exception>
    public static ChannelName Metrics(Guid organizationId) => Of(ChannelKind.Metrics, organizationId, ":metrics");

    /// <summary>Makes <c>org:{organizationId}:user:{userId}</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName User(Guid organizationId, Guid userId) => Of(ChannelKind.User, organizationId, ":user:", userId, "");

    /// <summary>Makes <c>org:{organizationId}:user:{userId}:notifications</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName UserNotifications(Guid organizationId, Guid userId) =>
        Of(ChannelKind.UserNotifications, organizationId, ":user:", userId, ":notifications");

    /// <summary>Makes <c>org:{organizationId}:user:{userId}:presence</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName UserPresence(Guid organizationId, Guid userId) =>
        Of(ChannelKind.UserPresence, organizationId, ":user:", userId, ":presence");

    /// <summary>Makes <c>org:{organizationId}:user:{userId}:activity</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName UserActivity(Guid organizationId, Guid userId) =>
        Of(ChannelKind.UserActivity, organizationId, ":user:", userId, ":activity");

    /// <summary>Makes <c>org:{organizationId}:widget:visitor:{visitorId}</c>.</summary>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static ChannelName WidgetVisitor(Guid organizationId, Guid visitorId) =>
        Of(ChannelKind.WidgetVisitor, organizationId, ":widget:visitor:", visitorId, "");

    /// <summary>Parses a name of the standard.</summary>
    /// <param name="s">The name, without <c>bcast:</c>.</param>
    /// <exception cref="FormatException">The text is no name of the standard.</exception>
    public static ChannelName Parse(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s.AsSpan(), out ChannelName? name) ? name : throw NotAName(s);
    }

    /// <summary>Parses a name of the standard without throwing.</summary>
    /// <param name="s">The name, without <c>bcast:</c>.</param>
    /// <param name="result">The name, when the method returns <see langword="true"/>.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, [NotNullWhen(true)] out ChannelName? result) =>
        TryParse(s.AsSpan(), out result);

    /// <summary>Parses a name of the standard without throwing.</summary>
    /// <param name="s">The name, without <c>bcast:</c>.</param>
    /// <param name="result">The name, when the method returns <see langword="true"/>.</param>
    public static bool TryParse(ReadOnlySpan<char> s, [NotNullWhen(true)] out ChannelName? result)
    {
        result = s switch
        {
            "system:announcements" => SystemAnnouncements,
            "system:health" => SystemHealth,
            "system:performance" => SystemPerformance,
            _ => ParseOrganizationChannel(s),
        };
        return result is not null;
    }

    /// <summary>Parses a topic, that is <c>bcast:</c> and a name of the standard, without throwing.</summary>
    /// <param name="topic">The topic as <c>realtime.topic()</c> shows it.</param>
    /// <param name="result">The name, when the method returns <see langword="true"/>.</param>
    public static bool TryParseTopic(ReadOnlySpan<char> topic, [NotNullWhen(true)] out ChannelName? result)
    {
        result = null;
        return topic.StartsWith(TopicPrefix, StringComparison.Ordinal) && TryParse(topic[TopicPrefix.Length..], out result);
    }

    static ChannelName IParsable<ChannelName>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static ChannelName ISpanParsable<ChannelName>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) =>
        TryParse(s, out ChannelName? name) ? name : throw NotAName(s.ToString());

    static bool IParsable<ChannelName>.TryParse(string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out ChannelName result) =>
        TryParse(s, out result);

    static bool ISpanParsable<ChannelName>.TryParse(
        ReadOnlySpan<char> s, IFormatProvider? provider, [MaybeNullWhen(false)] out ChannelName result) => TryParse(s, out result);

    /// <summary>Compares two names.</summary>
    public static bool operator ==(ChannelName? left, ChannelName? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Compares two names.</summary>
    public static bool operator !=(ChannelName? left, ChannelName? right) => !(left == right);

    /// <inheritdoc/>
    public bool Equals(ChannelName? other) => other is not null && string.Equals(Value, other.Value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ChannelName);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <summary>Returns <see cref="Value"/>.</summary>
    public override string ToString() => Value;

    private static ChannelName? ParseOrganizationChannel(ReadOnlySpan<char> s)
    {
        if (!TryTakeId(ref s, "org:", out Guid organization))
            return null;

        switch (s)
        {
            case "": return Organization(organization);
            case ":conversations": return Conversations(organization);
            case ":agents:presence": return AgentsPresence(organization);
            case ":notifications": return Notifications(organization);
            case ":activity": return Activity(organization);
            case ":metrics": return Metrics(organization);
        }

        if (TryTakeId(ref s, ":conv:", out Guid id))
        {
            return s switch
            {
                "" => Conversation(organization, id),
                ":typing" => ConversationTyping(organization, id),
                ":presence" => ConversationPresence(organization, id),
                ":handover" => ConversationHandover(organization, id),
                ":status" => ConversationStatus(organization, id),
                _ => null,
            };
        }

        if (TryTakeId(ref s, ":user:", out id))
        {
            return s switch
            {
                "" => User(organization, id),
                ":notifications" => UserNotifications(organization, id),
                ":presence" => UserPresence(organization, id),
                ":activity" => UserActivity(organization, id),
                _ => null,
            };
        }

        return TryTakeId(ref s, ":widget:visitor:", out id) && s.IsEmpty ? WidgetVisitor(organization, id) : null;
    }

    private static bool TryTakeId(ref ReadOnlySpan<char> s, string prefix, out Guid id)
    {
        id = default;
        if (!s.StartsWith(prefix, StringComparison.Ordinal) || s.Length < prefix.Length + IdLength)
            return false;

        ReadOnlySpan<char> text = s.Slice(prefix.Length, IdLength);

        // Guid also takes upper case, and "0x" or "+" inside of a group: other spellings of an identifier that has one name here.
        if (text.ContainsAnyExcept(IdCharacters) || !Guid.TryParseExact(text, "D", out id) || id == Guid.Empty)
            return false;

        s = s[(prefix.Length + IdLength)..];
        return true;
    }

    private static ChannelName Of(ChannelKind kind, Guid organizationId, string rest)
    {
        RefuseNil(organizationId, nameof(organizationId));
        return new ChannelName(kind, $"org:{organizationId:D}{rest}", organizationId);
    }

    private static ChannelName Of(ChannelKind kind, Guid organizationId, string resource, Guid resourceId, string action)
    {
        RefuseNil(organizationId, nameof(organizationId));
        RefuseNil(resourceId, nameof(resourceId));
        return new ChannelName(kind, $"org:{organizationId:D}{resource}{resourceId:D}{action}", organizationId, resourceId);
    }

    private static void RefuseNil(Guid id, string parameterName)
    {
        if (id == Guid.Empty)
            throw new ArgumentException("The nil UUID identifies nothing; pass the identifier that the database gave.", parameterName);
    }

    private static FormatException NotAName(string s) => new(
        $"'{(s.Length <= MaxQuotedLength ? s : s[..MaxQuotedLength] + "…")}' is no channel name. Names read org:{{organization}}[:{{resource}}[:{{id}}][:{{action}}]] with UUIDs in lower case, or system:{{topic}}.");
}

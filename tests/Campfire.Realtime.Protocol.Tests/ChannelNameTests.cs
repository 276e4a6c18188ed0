using CsCheck;

namespace Campfire.Realtime.Protocol.Tests;

[Parallelizable(ParallelScope.All)]
internal sealed class ChannelNameTests
{
    private const string Org = "0197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6";
    private const string Other = "11111111-2222-4333-8444-555555abcdef";

    private static readonly Guid OrgId = Guid.Parse(Org);
    private static readonly Guid OtherId = Guid.Parse(Other);

    private static readonly Dictionary<ChannelKind, Func<Guid, Guid, ChannelName>> Factories = new()
    {
        [ChannelKind.Organization] = (org, _) => ChannelName.Organization(org),
        [ChannelKind.Conversations] = (org, _) => ChannelName.Conversations(org),
        [ChannelKind.Conversation] = ChannelName.Conversation,
        [ChannelKind.ConversationTyping] = ChannelName.ConversationTyping,
        [ChannelKind.ConversationPresence] = ChannelName.ConversationPresence,
        [ChannelKind.ConversationHandover] = ChannelName.ConversationHandover,
        [ChannelKind.ConversationStatus] = ChannelName.ConversationStatus,
        [ChannelKind.AgentsPresence] = (org, _) => ChannelName.AgentsPresence(org),
        [ChannelKind.Notifications] = (org, _) => ChannelName.Notifications(org),
        [ChannelKind.Activity] = (org, _) => ChannelName.Activity(org),
        [ChannelKind.Metrics] = (org, _) => ChannelName.Metrics(org),
        [ChannelKind.User] = ChannelName.User,
        [ChannelKind.UserNotifications] = ChannelName.UserNotifications,
        [ChannelKind.UserPresence] = ChannelName.UserPresence,
        [ChannelKind.UserActivity] = ChannelName.UserActivity,
        [ChannelKind.WidgetVisitor] = ChannelName.WidgetVisitor,
        [ChannelKind.SystemAnnouncements] = (_, _) => ChannelName.SystemAnnouncements,
        [ChannelKind.SystemHealth] = (_, _) => ChannelName.SystemHealth,
        [ChannelKind.SystemPerformance] = (_, _) => ChannelName.SystemPerformance,
    };

    private static readonly object?[][] Standard =
    [
        [ChannelKind.Organization, $"org:{Org}", Org, null, null, null],
        [ChannelKind.Conversations, $"org:{Org}:conversations", Org, null, null, null],
        [ChannelKind.Conversation, $"org:{Org}:conv:{Other}", Org, Other, null, null],
        [ChannelKind.ConversationTyping, $"org:{Org}:conv:{Other}:typing", Org, Other, null, null],
        [ChannelKind.ConversationPresence, $"org:{Org}:conv:{Other}:presence", Org, Other, null, null],
        [ChannelKind.ConversationHandover, $"org:{Org}:conv:{Other}:handover", Org, Other, null, null],
        [ChannelKind.ConversationStatus, $"org:{Org}:conv:{Other}:status", Org, Other, null, null],
        [ChannelKind.AgentsPresence, $"org:{Org}:agents:presence", Org, null, null, null],
        [ChannelKind.Notifications, $"org:{Org}:notifications", Org, null, null, null],
        [ChannelKind.Activity, $"org:{Org}:activity", Org, null, null, null],
        [ChannelKind.Metrics, $"org:{Org}:metrics", Org, null, null, null],
        [ChannelKind.User, $"org:{Org}:user:{Other}", Org, null, Other, null],
        [ChannelKind.UserNotifications, $"org:{Org}:user:{Other}:notifications", Org, null, Other, null],
        [ChannelKind.UserPresence, $"org:{Org}:user:{Other}:presence", Org, null, Other, null],
        [ChannelKind.UserActivity, $"org:{Org}:user:{Other}:activity", Org, null, Other, null],
        [ChannelKind.WidgetVisitor, $"org:{Org}:widget:visitor:{Other}", Org, null, null, Other],
        [ChannelKind.SystemAnnouncements, "system:announcements", null, null, null, null],
        [ChannelKind.SystemHealth, "system:health", null, null, null, null],
        [ChannelKind.SystemPerformance, "system:performance", null, null, null, null],
    ];

    private static readonly string[] NearMisses =
    [
        "",
        " ",
        "org",
        "org:",
        "system",
        "system:",
        "system:Health",
        "system:health:",
        "system:health ",
        "system:unknown",
        "System:health",
        $"ORG:{Org}",
        $"Org:{Org}",
        $" org:{Org}",
        $"org:{Org} ",
        $"org: {Org}",
        $"org:{Org}\n",
        $"org:{Org}\0",
        $"org:{Org}:",
        $"org::{Org}",
        $"org:{Org}::conversations",
        $"org:{Org}:conversations:",
        $"org:{Org}:conversations:{Other}",
        $"org:{Org}:Conversations",
        $"org:{Org}:unknown",
        $"org:{Org}:conv",
        $"org:{Org}:conv:",
        $"org:{Org}:conv:{Other}:",
        $"org:{Org}:conv:{Other} :typing",
        $"org:{Org}:conv:{Other}:typing:",
        $"org:{Org}:conv:{Other}:typing:more",
        $"org:{Org}:conv:{Other}:TYPING",
        $"org:{Org}:conv:{Other}:unknown",
        $"org:{Org}:conv:{Other}{Other}",
        $"org:{Org}:conv:{Other}:notifications",
        $"org:{Org}:user:{Other}:typing",
        $"org:{Org}:user:",
        $"org:{Org}:agents",
        $"org:{Org}:agents:{Other}",
        $"org:{Org}:agents:presence:more",
        $"org:{Org}:widget:{Other}",
        $"org:{Org}:widget:visitor",
        $"org:{Org}:widget:visitor:",
        $"org:{Org}:widget:visitor:{Other}:presence",
        $"bcast:org:{Org}",
        $"realtime:bcast:org:{Org}",
        $"org:{Org.ToUpperInvariant()}",
        $"org:0197D1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6",
        $"org:{Org}:conv:{Other.ToUpperInvariant()}",
        $"org:{Org}:conv:11111111-2222-4333-8444-555555abcdeF",
        $"org:{OrgId:N}",
        $"org:{OrgId:B}",
        $"org:{OrgId:P}",
        $"org:{OrgId:X}",
        $"org:{Org}:conv:{OtherId:N}",
        $"org:{Org}:conv:{OtherId:B}",
        "org:00000000-0000-0000-0000-000000000000",
        $"org:{Org}:conv:00000000-0000-0000-0000-000000000000",
        $"org:00000000-0000-0000-0000-000000000000:conv:{Other}",
        "org:0x97d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:0197d1a2-0x4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:+197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:0197d1a2-+b4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:0197d1a2-3b4c-7d5e-8f60-0xb2c3d4e5f6",
        $"org:{Org}:conv:0x111111-2222-4333-8444-555555abcdef",
        "org:0197d1a23-b4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:0197d1a2_3b4c_7d5e_8f60_a1b2c3d4e5f6",
        "org:0197d1g2-3b4c-7d5e-8f60-a1b2c3d4e5f6",
        "org:٠197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6",
    ];

    [Test]
    public void Standard_has_a_row_and_a_factory_for_every_kind()
    {
        ChannelKind[] kinds = Enum.GetValues<ChannelKind>();

        Assert.That(Standard.Select(row => row[0]), Is.EquivalentTo(kinds));
        Assert.That(Factories.Keys, Is.EquivalentTo(kinds));
    }

    [TestCaseSource(nameof(Standard))]
    public void Factory_of_each_row_builds_the_name(ChannelKind kind, string value, string? org, string? conversation, string? user, string? visitor)
    {
        ChannelName name = Factories[kind](OrgId, OtherId);

        AssertIs(name, kind, value, org, conversation, user, visitor);
    }

    [TestCaseSource(nameof(Standard))]
    public void Parse_of_each_row_gives_its_parts(ChannelKind kind, string value, string? org, string? conversation, string? user, string? visitor)
    {
        AssertIs(ChannelName.Parse(value), kind, value, org, conversation, user, visitor);
        Assert.That(ChannelName.TryParse(value, out ChannelName? tried), Is.True);
        AssertIs(tried!, kind, value, org, conversation, user, visitor);
        Assert.That(ChannelName.TryParseTopic($"bcast:{value}", out ChannelName? ofTopic), Is.True);
        AssertIs(ofTopic!, kind, value, org, conversation, user, visitor);
    }

    [TestCaseSource(nameof(NearMisses))]
    public void Parse_of_a_near_miss_is_refused(string text)
    {
        Assert.That(ChannelName.TryParse(text, out ChannelName? name), Is.False);
        Assert.That(name, Is.Null);
        Assert.That(ChannelName.TryParseTopic($"bcast:{text}", out _), Is.False);
        Assert.That(() => ChannelName.Parse(text), Throws.TypeOf<FormatException>().With.Message.Contains("org:{organization}"));
    }

    [Test]
    public void Parse_of_null_is_refused()
    {
        Assert.That(() => ChannelName.Parse(null!), Throws.ArgumentNullException);
        Assert.That(ChannelName.TryParse((string?)null, out ChannelName? name), Is.False);
        Assert.That(name, Is.Null);
    }

    [Test]
    public void Parse_of_a_megabyte_is_refused_without_repeating_it()
    {
        string megabyte = $"org:{Org}:conv:{Other}:" + new string('t', 1 << 20);

        Assert.That(ChannelName.TryParse(megabyte, out _), Is.False);
        FormatException? error = Assert.Throws<FormatException>(() => ChannelName.Parse(megabyte));
        Assert.That(error!.Message, Has.Length.LessThan(500));
    }

    [TestCase("")]
    [TestCase("bcast:")]
    [TestCase($"org:{Org}")]
    [TestCase($"Bcast:org:{Org}")]
    [TestCase($"bcast:bcast:org:{Org}")]
    [TestCase($"realtime:bcast:org:{Org}")]
    public void Topic_without_exactly_one_prefix_is_refused(string topic)
    {
        Assert.That(ChannelName.TryParseTopic(topic, out ChannelName? name), Is.False);
        Assert.That(name, Is.Null);
    }

    [Test]
    public void Factory_given_the_nil_uuid_names_the_parameter([ValueSource(nameof(OrganizationKinds))] ChannelKind kind)
    {
        Assert.That(
            () => Factories[kind](Guid.Empty, OtherId),
            Throws.ArgumentException.With.Property(nameof(ArgumentException.ParamName)).EqualTo("organizationId"));
    }

    [Test]
    public void Factory_given_a_nil_resource_is_refused([ValueSource(nameof(ResourceKinds))] ChannelKind kind)
    {
        Assert.That(() => Factories[kind](OrgId, Guid.Empty), Throws.ArgumentException);
    }

    [Test]
    public void Any_ids_survive_build_and_parse()
    {
        Gen.Select(Gen.Guid, Gen.Guid, Gen.Enum<ChannelKind>())
            .Where(x => x.Item1 != Guid.Empty && x.Item2 != Guid.Empty)
            .Sample((org, other, kind) =>
            {
                ChannelName built = Factories[kind](org, other);
                ChannelName parsed = ChannelName.Parse(built.Value);
                return parsed.Equals(built) && parsed.GetHashCode() == built.GetHashCode() && parsed.Kind == kind
                    && parsed.OrganizationId == built.OrganizationId && parsed.ConversationId == built.ConversationId
                    && parsed.UserId == built.UserId && parsed.VisitorId == built.VisitorId;
            });
    }

    [Test]
    public void Mutated_name_is_refused_or_means_exactly_itself()
    {
        const string Alphabet = "0123456789abcdefABCDEFxX+-:{} \t\0\u0660orgcnvusyite";
        Gen.Select(Gen.Int[0, Standard.Length - 1], Gen.Int[0, 2], Gen.Int[0, 200], Gen.Char[Alphabet])
            .Sample((row, mutation, at, replacement) =>
            {
                string valid = (string)Standard[row][1]!;
                at %= valid.Length;
                string text = mutation switch
                {
                    0 => valid.Remove(at, 1),
                    1 => valid.Insert(at, replacement.ToString()),
                    _ => string.Concat(valid.AsSpan(0, at), [replacement], valid.AsSpan(at + 1)),
                };
                return !ChannelName.TryParse(text, out ChannelName? name) || name.Value == text;
            }, iter: 50_000);
    }

    [Test]
    public void Random_text_never_throws()
    {
        Gen.String.Sample(text => !ChannelName.TryParse(text, out _) && !ChannelName.TryParse("org:" + text, out _), iter: 10_000);
    }

    [Test]
    public void Equality_goes_by_value()
    {
        ChannelName one = ChannelName.Conversation(OrgId, OtherId);
        ChannelName same = ChannelName.Parse(one.Value);
        ChannelName different = ChannelName.ConversationTyping(OrgId, OtherId);

        Assert.That(one, Is.Not.SameAs(same));
        Assert.That(one, Is.EqualTo(same));
        Assert.That(one.Equals((object)same), Is.True);
        Assert.That(one.GetHashCode(), Is.EqualTo(same.GetHashCode()));
        Assert.That(one == same, Is.True);
        Assert.That(one != same, Is.False);
        Assert.That(one == different, Is.False);
        Assert.That(one != different, Is.True);
        Assert.That(one == null, Is.False);
        Assert.That(null == one, Is.False);
        Assert.That(one.Equals(null), Is.False);
        Assert.That(one.Equals((object)one.Value), Is.False);
        Assert.That(new HashSet<ChannelName> { one, same, different }, Has.Count.EqualTo(2));
    }

    [Test]
    public void Name_binds_through_the_generic_parsing_interfaces()
    {
        string text = $"org:{Org}:user:{Other}";

        Assert.That(ParseSpan<ChannelName>(text).Value, Is.EqualTo(text));
        Assert.That(ParseString<ChannelName>(text).Value, Is.EqualTo(text));
        Assert.That(TryParseSpan<ChannelName>(text, out var ofSpan) ? ofSpan.Value : null, Is.EqualTo(text));
        Assert.That(TryParseString<ChannelName>(text, out var ofString) ? ofString.Value : null, Is.EqualTo(text));
        Assert.That(TryParseSpan<ChannelName>("org:", out _), Is.False);
        Assert.That(TryParseString<ChannelName>(null, out _), Is.False);
        Assert.That(() => ParseSpan<ChannelName>("org:"), Throws.TypeOf<FormatException>());
        Assert.That(() => ParseString<ChannelName>(null!), Throws.ArgumentNullException);
    }

    private static IEnumerable<ChannelKind> OrganizationKinds() => Standard.Where(row => row[2] is not null).Select(row => (ChannelKind)row[0]!);

    private static IEnumerable<ChannelKind> ResourceKinds() =>
        Standard.Where(row => row[3] is not null || row[4] is not null || row[5] is not null).Select(row => (ChannelKind)row[0]!);

    private static T ParseSpan<T>(ReadOnlySpan<char> s)
        where T : ISpanParsable<T> => T.Parse(s, null);

    private static T ParseString<T>(string s)
        where T : IParsable<T> => T.Parse(s, null);

    private static bool TryParseSpan<T>(ReadOnlySpan<char> s, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T result)
        where T : ISpanParsable<T> => T.TryParse(s, null, out result);

    private static bool TryParseString<T>(string? s, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T result)
        where T : IParsable<T> => T.TryParse(s, null, out result);

    private static void AssertIs(ChannelName name, ChannelKind kind, string value, string? org, string? conversation, string? user, string? visitor)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(name.Kind, Is.EqualTo(kind));
            Assert.That(name.Value, Is.EqualTo(value));
            Assert.That(name.ToString(), Is.EqualTo(value));
            Assert.That(name.Topic, Is.EqualTo("bcast:" + value));
            Assert.That(name.WireTopic.ToArray(), Is.EqualTo(System.Text.Encoding.UTF8.GetBytes("realtime:bcast:" + value)));
            Assert.That(name.OrganizationId?.ToString(), Is.EqualTo(org));
            Assert.That(name.ConversationId?.ToString(), Is.EqualTo(conversation));
            Assert.That(name.UserId?.ToString(), Is.EqualTo(user));
            Assert.That(name.VisitorId?.ToString(), Is.EqualTo(visitor));
        }
    }
}

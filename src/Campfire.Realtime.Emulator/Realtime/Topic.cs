using System.Text;

namespace Campfire.Realtime.Emulator.Realtime;

// The members of one public or one private topic; the two never meet, even under one name.
internal sealed class Topic
{
    public const string Prefix = "realtime:";

    // Replaced as a whole, so that whoever only looks needs no lock.
    private volatile RealtimeChannel[] _members = [];

    public Topic(string subTopic, bool isPrivate)
    {
        SubTopic = subTopic;
        IsPrivate = isPrivate;
        WireName = Encoding.UTF8.GetBytes(Prefix + subTopic);
        Presence = new PresenceTracker(this);
    }

    // Held by who joins, leaves or speaks: every member is told everything in one order, and nothing any more once it has
    // left. Otherwise a channel that takes the place of a left one on the same socket could hear a message twice.
    public Lock Gate { get; } = new();

    public string SubTopic { get; }

    public bool IsPrivate { get; }

    public byte[] WireName { get; }

    public PresenceTracker Presence { get; }

    public ReadOnlySpan<RealtimeChannel> Members => _members;

    public bool IsEmpty => _members.Length == 0;

    public void Add(RealtimeChannel member) => _members = [.. _members, member];

    public void Remove(RealtimeChannel member) => _members = [.. _members.Where(other => other != member)];
}

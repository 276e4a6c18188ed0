using System.Text;
using Campfire.Realtime.Presence;

namespace Campfire.Realtime.Tests.Presence;

public sealed class PresenceRosterTests
{
    [Test]
    public void Newcomers_beyond_the_limit_are_left_out_until_somebody_leaves()
    {
        var roster = new PresenceRoster();
        roster.Replace("{}"u8);
        for (int i = 0; i < PresenceRoster.MaxConnections + 5; i++)
            roster.Apply(Diff("joins", $"user-{i}", "r"));

        Assert.That(roster.Snapshot(), Has.Count.EqualTo(PresenceRoster.MaxConnections));
        Assert.That(roster.Ignored, Is.EqualTo(5));

        roster.Apply(Diff("leaves", "user-7", "r"));
        roster.Apply(Diff("leaves", "user-10001", "r"));
        roster.Apply(Diff("joins", "late", "r"));
        roster.Apply(Diff("joins", "too late", "r"));
        Assert.That(roster.Snapshot().Select(participant => participant.Key), Has.Member("late").And.No.Member("too late").And.No.Member("user-7"));
    }

    [Test]
    public void Connection_that_changes_what_it_shows_takes_no_second_place()
    {
        var roster = new PresenceRoster();
        roster.Replace("{}"u8);
        for (int i = 0; i < PresenceRoster.MaxConnections + 5; i++)
            roster.Apply(Diff("joins", "user", "r"));

        Assert.That(roster.Ignored, Is.Zero);
        Assert.That(roster.Snapshot().Single().Connections, Is.EqualTo(1));
    }

    [Test]
    public void State_replaces_the_count_too()
    {
        var roster = new PresenceRoster();
        for (int i = 0; i < 3; i++)
            roster.Replace(State(6000));

        Assert.That(roster.Snapshot(), Has.Count.EqualTo(6000));
        Assert.That(roster.Ignored, Is.Zero);
    }

    [Test]
    public void Huge_names_are_left_out_and_huge_details_are_unknown()
    {
        var roster = new PresenceRoster();
        roster.Replace("{}"u8);
        roster.Apply(Diff("joins", new string('x', 5000), "r"));
        roster.Apply(Encoding.UTF8.GetBytes($$$$"""{"joins":{"user":{"metas":[{"phx_ref":"r","name":"{{{{new string('x', 5000)}}}}"}]}}}"""));

        Assert.That(roster.Snapshot().Single().Details.Name, Is.Null);
    }

    [Test]
    public void Diffs_before_the_state_are_kept_up_to_a_limit()
    {
        var roster = new PresenceRoster();
        string name = new('x', 1_000_000);
        for (int i = 0; i < 20; i++)
            roster.Apply(Encoding.UTF8.GetBytes($$$$"""{"joins":{"user-{{{{i}}}}":{"metas":[{"phx_ref":"r","name":"{{{{name}}}}"}]}}}"""));
        roster.Replace("{}"u8);

        Assert.That(roster.Snapshot(), Has.Count.EqualTo(4));
    }

    private static byte[] Diff(string kind, string key, string connection) =>
        Encoding.UTF8.GetBytes($$$$"""{"{{{{kind}}}}":{"{{{{key}}}}":{"metas":[{"phx_ref":"{{{{connection}}}}"}]}}}""");

    private static byte[] State(int count) =>
        Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, count).Select(i => $$"""
            "user-{{i}}":{"metas":[{"phx_ref":"r"}]}
            """)) + "}");
}

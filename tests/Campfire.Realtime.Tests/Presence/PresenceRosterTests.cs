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

    [Test]
    public void List_after_one_change_among_ten_thousand_costs_what_the_change_does()
    {
        var roster = new PresenceRoster();
        roster.Replace(State(PresenceRoster.MaxConnections - 1));
        byte[] join = Diff("joins", "newcomer", "r"), leave = Diff("leaves", "newcomer", "r");
        roster.Apply(join);
        roster.Snapshot();
        roster.Apply(leave);
        roster.Snapshot();

        long before = GC.GetAllocatedBytesForCurrentThread();
        roster.Apply(join);
        IReadOnlyList<PresentParticipant> present = roster.Snapshot();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.That(present, Has.Count.EqualTo(PresenceRoster.MaxConnections));
        Assert.That(allocated, Is.LessThan(16_384));
    }

    [Test]
    public void List_is_what_the_states_and_diffs_make_of_it_in_the_order_of_the_keys_and_never_changes_afterwards([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var roster = new PresenceRoster();
        var model = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        var taken = new List<(IReadOnlyList<PresentParticipant> List, List<(string, string?, int)> Content)>();
        roster.Replace("{}"u8);
        for (int step = 0; step < 200; step++)
        {
            string key = $"user-{random.Next(12)}", connection = $"r{random.Next(4)}";
            int kind = random.Next(20);
            if (kind == 0)
            {
                model.Clear();
                foreach (string present in Enumerable.Range(0, 6).Select(_ => $"user-{random.Next(12)}").Distinct())
                    model[present] = ["r0"];
                roster.Replace(Encoding.UTF8.GetBytes("{" + string.Join(',', model.Keys.Reverse().Select(present => $$"""
                    "{{present}}":{"metas":[{"phx_ref":"r0","name":"r0"}]}
                    """)) + "}"));
            }
            else if (kind < 11)
            {
                if (!model.TryGetValue(key, out List<string>? connections))
                    model.Add(key, connections = []);
                if (!connections.Contains(connection))
                    connections.Add(connection);
                roster.Apply(Encoding.UTF8.GetBytes($$$$"""{"joins":{"{{{{key}}}}":{"metas":[{"phx_ref":"{{{{connection}}}}","name":"{{{{connection}}}}"}]}}}"""));
            }
            else
            {
                if (model.TryGetValue(key, out List<string>? connections) && connections.Remove(connection) && connections.Count == 0)
                    model.Remove(key);
                roster.Apply(Diff("leaves", key, connection));
            }

            List<(string, string?, int)> expected = [.. model.Select(entry => (entry.Key, (string?)entry.Value[^1], entry.Value.Count))];
            Assert.That(Content(roster.Snapshot()), Is.EqualTo(expected), $"step {step}");
            taken.Add((roster.Snapshot(), expected));
        }

        Assert.That(taken, Has.All.Matches<(IReadOnlyList<PresentParticipant> List, List<(string, string?, int)> Content)>(
            snapshot => Content(snapshot.List).SequenceEqual(snapshot.Content)));
    }

    private static IEnumerable<(string, string?, int)> Content(IReadOnlyList<PresentParticipant> list) =>
        list.Select(participant => (participant.Key, participant.Details.Name, participant.Connections));

    private static byte[] Diff(string kind, string key, string connection) =>
        Encoding.UTF8.GetBytes($$$$"""{"{{{{kind}}}}":{"{{{{key}}}}":{"metas":[{"phx_ref":"{{{{connection}}}}"}]}}}""");

    private static byte[] State(int count) =>
        Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, count).Select(i => $$"""
            "user-{{i}}":{"metas":[{"phx_ref":"r"}]}
            """)) + "}");
}

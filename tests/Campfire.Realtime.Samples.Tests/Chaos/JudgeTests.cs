using Campfire.Realtime.Chaos.Judging;

namespace Campfire.Realtime.Samples.Tests.Chaos;

[TestFixture]
public sealed class JudgeTests
{
    private static readonly Seen[] _stored = [.. Enumerable.Range(1, 5).Select(counter => new Seen(Guid.NewGuid(), Judge.Content("ada", counter)))];

    [Test]
    public void Each_once_and_in_order_is_perfect() =>
        Assert.That(Judge.Delivery(_stored, _stored).IsPerfect, Is.True);

    [TestCase("", 5, 0, 0)]
    [TestCase("1 2 4 5", 1, 0, 0)]
    [TestCase("1 2 3 4", 1, 0, 0)]
    [TestCase("1 2 2 3 4 5", 0, 1, 0)]
    [TestCase("1 2 3 4 5 1", 0, 1, 0)]
    [TestCase("1 3 2 4 5", 0, 0, 1)]
    [TestCase("2 3 4 5 1", 0, 0, 1)]
    [TestCase("5 1 1 3", 2, 1, 2)]
    public void Arrivals_are_judged_by_what_the_database_holds(string arrivals, int lost, int duplicated, int reordered)
    {
        Seen[] arrived = [.. arrivals.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(counter => _stored[int.Parse(counter) - 1])];

        Assert.That(Judge.Delivery(_stored, arrived), Is.EqualTo(new Verdict(lost, duplicated, reordered)));
    }

    [Test]
    public void Message_that_was_never_stored_is_one_too_many()
    {
        Seen invented = new(Guid.NewGuid(), Judge.Content("ada", 6));

        Assert.That(Judge.Delivery(_stored, [.. _stored, invented]), Is.EqualTo(new Verdict(0, 1, 0)));
    }

    [Test]
    public void Message_with_another_content_is_not_the_one_that_was_stored()
    {
        Seen[] arrived = [.. _stored];
        arrived[2] = arrived[2] with { Content = "ada 30" };

        Assert.That(Judge.Delivery(_stored, arrived), Is.EqualTo(new Verdict(1, 1, 0)));
    }

    [TestCase("ada 1,ben 1,ada 2", 0, 0, 0)]
    [TestCase("ada 1,ben 1", 1, 0, 0)]
    [TestCase("ada 1,ben 1,ada 2,ada 2", 0, 1, 0)]
    [TestCase("ada 2,ben 1,ada 1", 0, 0, 1)]
    [TestCase("ada 1,ben 1,ada 2,eve 1", 0, 1, 0)]
    public void Database_is_judged_by_what_its_senders_were_told(string stored, int lost, int duplicated, int reordered)
    {
        var told = new Dictionary<string, int> { ["ada"] = 2, ["ben"] = 1 };

        Verdict verdict = Judge.Storage(told, [.. stored.Split(',').Select(content => new Seen(Guid.NewGuid(), content))]);

        Assert.That(verdict, Is.EqualTo(new Verdict(lost, duplicated, reordered)));
    }
}

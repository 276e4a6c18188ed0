namespace Campfire.Realtime.Conformance.Tests;

public sealed class PointTests
{
    [Test]
    public void Checklist_has_82_points_in_order() =>
        Assert.That(Point.All.Select(point => point.Number), Is.EqualTo(Enumerable.Range(1, 82)));

    [Test]
    public void Every_point_has_a_test_or_a_reason_to_have_none()
    {
        var tested = Point.Tested();

        Assert.That(Point.All.Where(point => point.WhyUntested is null && !tested.Contains(point.Number)).Select(point => point.Number), Is.Empty);
    }

    [Test]
    public void Every_test_of_a_point_belongs_to_the_checklist() =>
        Assert.That(Point.Tested(), Is.SubsetOf(Point.All.Select(point => point.Number)));
}

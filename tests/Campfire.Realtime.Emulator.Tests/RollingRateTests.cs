using Campfire.Realtime.Emulator.Realtime;
using Microsoft.Extensions.Time.Testing;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class RollingRateTests
{
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(5);

    [Test]
    public void A_burst_passes_until_its_tick_has_ended()
    {
        var rate = new RollingRate(100, new FakeTimeProvider());
        rate.Count(10_000);

        Assert.That((rate.Mean, rate.IsExceeded), Is.EqualTo((0d, false)));
    }

    [TestCase(499, false)]
    [TestCase(500, true)]
    public void The_mean_that_reaches_the_limit_exceeds_it(int events, bool isExceeded)
    {
        var time = new FakeTimeProvider();
        var rate = new RollingRate(100, time);
        rate.Count(events);
        time.Advance(_tick);

        Assert.That((rate.Mean, rate.IsExceeded), Is.EqualTo((events / 5d, isExceeded)));
    }

    [Test]
    public void An_excess_lasts_until_the_mean_has_come_down()
    {
        var time = new FakeTimeProvider();
        var rate = new RollingRate(100, time);
        rate.Count(1500);
        var exceeded = new List<bool>();
        for (var i = 0; i < 4; i++)
        {
            time.Advance(_tick);
            exceeded.Add(rate.IsExceeded);
        }

        Assert.That(exceeded, Is.EqualTo(new[] { true, true, true, false }), "300, 150, 100 and 75 a second");
    }

    [Test]
    public void The_mean_forgets_what_is_older_than_a_minute()
    {
        var time = new FakeTimeProvider();
        var rate = new RollingRate(100, time);
        rate.Count(60_000);
        time.Advance(TimeSpan.FromSeconds(60));
        var atTheEnd = rate.Mean;
        time.Advance(_tick);

        Assert.That((atTheEnd, rate.Mean), Is.EqualTo((1000d, 0d)));
    }

    [Test]
    public void Ticks_of_which_nobody_asked_are_made_up_for()
    {
        var time = new FakeTimeProvider();
        var rate = new RollingRate(100, time);
        rate.Count(600);
        time.Advance(TimeSpan.FromSeconds(12));
        rate.Count(400);
        time.Advance(TimeSpan.FromSeconds(3));

        Assert.That(rate.Mean, Is.EqualTo(1000 / 15d));
    }

    [Test]
    public void A_very_long_silence_is_a_mean_of_nothing()
    {
        var time = new FakeTimeProvider();
        var rate = new RollingRate(100, time);
        rate.Count(1_000_000);
        time.Advance(TimeSpan.FromDays(365));

        Assert.That((rate.Mean, rate.IsExceeded), Is.EqualTo((0d, false)));
    }
}

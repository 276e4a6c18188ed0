using Campfire.Realtime.Chaos.Faults;

namespace Campfire.Realtime.Samples.Tests.Chaos;

[TestFixture]
public sealed class FaultScheduleTests
{
    [Test]
    public void Seed_repeats_the_schedule()
    {
        IReadOnlyList<PlannedFault> first = FaultSchedule.Draw(7, 200, EmulatorFaultField.Kinds);

        Assert.That(FaultSchedule.Draw(7, 200, EmulatorFaultField.Kinds), Is.EqualTo(first));
    }

    [Test]
    public void Other_seed_is_another_schedule() =>
        Assert.That(FaultSchedule.Draw(8, 200, EmulatorFaultField.Kinds), Is.Not.EqualTo(FaultSchedule.Draw(7, 200, EmulatorFaultField.Kinds)));

    [Test]
    public void Every_kind_happens_when_there_are_faults_enough([Range(1, 20)] int seed)
    {
        FaultKind[] kinds = [.. FaultSchedule.Draw(seed, EmulatorFaultField.Kinds.Count, EmulatorFaultField.Kinds).Select(fault => fault.Kind)];

        Assert.That(kinds, Is.EquivalentTo(EmulatorFaultField.Kinds));
    }

    [Test]
    public void No_client_meets_more_expired_tokens_than_it_puts_up_with([Range(1, 20)] int seed)
    {
        IReadOnlyList<PlannedFault> schedule = FaultSchedule.Draw(seed, 200, EmulatorFaultField.Kinds);

        Assert.That(schedule.Count(fault => fault.Kind is FaultKind.ExpireTokens), Is.InRange(1, 3));
    }
}

using Campfire.Realtime.Connection;
using Campfire.Realtime.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Connection;

public sealed class ViolationLogTests
{
    [Test]
    public void Kind_is_logged_at_1_10_100_and_with_its_total_at_the_end()
    {
        using var log = new KeptLog(LogLevel.Warning);
        var violations = new ViolationLog(log);

        for (int i = 0; i < 250; i++)
            violations.Report(Violation.MalformedFrame, "NotJson", "the connection", "byte 0");
        violations.Report(Violation.UnreadableEvent, "message:created", "a channel", "no sequence");
        violations.LogTotals();
        violations.LogTotals();

        Assert.That(log.Lines.Select(line => line.Id), Is.EqualTo(new[] { 1110, 1110, 1110, 1110, 1113 }));
        Assert.That(log.Lines.Last().Text, Does.Contain("250 times in all"));
        Assert.That(violations.Total, Is.EqualTo(251));
    }

    [Test]
    public void Subjects_without_end_share_one_line()
    {
        using var log = new KeptLog(LogLevel.Warning);
        var violations = new ViolationLog(log);

        for (int i = 0; i < 100_000; i++)
            violations.Report(Violation.UnreadableEvent, $"made:up:{i}", "a channel", new string('x', 10_000));

        Assert.That(log.Lines, Has.Count.LessThan(100));
        Assert.That(log.Lines, Has.All.Matches<(LogLevel, int, string Text)>(line => line.Text.Length < 500));
        Assert.That(violations.Total, Is.EqualTo(100_000));
    }
}

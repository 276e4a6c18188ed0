using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Chaos.Judging;
using Campfire.Realtime.Chaos.Running;
using Spectre.Console;

namespace Campfire.Realtime.Chaos;

internal sealed record ChaosReport(ChaosOptions Options, int Faults, Verdict Verdict, long Recovered, TimeSpan Duration, bool IsComplete)
{
    public bool IsPerfect => Verdict.IsPerfect && IsComplete;

    public void Print(
        IReadOnlyList<Reader> readers, IReadOnlyList<Sender> senders, IEnumerable<(string What, int Count)> effects, IReadOnlyCollection<string> errors)
    {
        Table took = new Table().AddColumn("Took effect").AddColumn(new TableColumn("times").RightAligned());
        foreach ((string what, int count) in effects)
            took.AddRow(what, $"{count}");
        AnsiConsole.Write(took);

        Table table = new Table().AddColumn("").AddColumn(new TableColumn("").RightAligned()).HideHeaders();
        table.AddRow("messages stored", $"{senders.Sum(sender => sender.Acknowledged)}");
        table.AddRow("readers", $"{readers.Count}");
        table.AddRow("arrivals", $"{readers.Sum(reader => (long)reader.Count)}");
        table.AddRow("faults", $"{Faults}");
        table.AddRow("lost", $"{Verdict.Lost}");
        table.AddRow("duplicated", $"{Verdict.Duplicated}");
        table.AddRow("reordered", $"{Verdict.Reordered}");
        table.AddRow("recovered from the log", $"{Recovered}");
        table.AddRow("seconds", $"{Duration.TotalSeconds:0.0}");
        table.AddRow("seed", $"{Options.Seed}");
        AnsiConsole.Write(table);

        Console.WriteLine("Recovered is what the clients' logs say they read from the database instead of receiving it live (log event 1411).");
        foreach (Sender sender in senders.Where(sender => sender.Failure is not null))
            Console.WriteLine($"In {sender.Desk.Id} {sender.Failure}");
        foreach (Reader reader in readers.Where(reader => reader.Ended is not null))
            Console.WriteLine($"The stream of {reader.Name} in {reader.Desk.Id} ended: {reader.Ended}");
        foreach (string error in errors)
            Console.WriteLine($"A client logged: {error}");
        Console.WriteLine(IsPerfect
            ? "Every message that was stored reached every reader once and in order."
            : IsComplete ? "FAILED: not every message reached every reader once and in order." : "FAILED: not everything was sent, or not every fault happened.");
    }

    public Task WriteJsonAsync(string path, CancellationToken cancellationToken)
    {
        var report = new JsonObject
        {
            ["messages"] = Options.Messages,
            ["faults"] = Faults,
            ["lost"] = Verdict.Lost,
            ["duplicated"] = Verdict.Duplicated,
            ["reordered"] = Verdict.Reordered,
            ["recovered"] = Recovered,
            ["seconds"] = Math.Round(Duration.TotalSeconds, 1),
            ["seed"] = Options.Seed,
        };
        return File.WriteAllTextAsync(path, report.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n", cancellationToken);
    }
}

using System.CommandLine;
using System.Text.Json.Nodes;
using Campfire.Realtime.Migrations;

namespace Campfire.Realtime.Cli;

internal static class DoctorCommand
{
    private const int NothingFound = 0;
    private const int SomethingFound = 1;
    private const int CouldNotLook = 2;

    public static Command Create()
    {
        var connection = DatabaseOption.Create();
        var json = new Option<bool>("--json") { Description = "Print the report as one JSON object." };
        var command = new Command(
            "doctor",
            """
            Examine a Supabase project's database and say how to put right what is wrong.

            Ends with 0 when nothing is wrong, 1 when something is, and 2 when it could not look.

            Example: campfire doctor --connection postgresql://postgres:secret@db.example.supabase.co:5432/postgres
            """)
        {
            connection, json,
        };
        command.SetAction((parsed, cancellationToken) =>
            RunAsync(DatabaseOption.Read(parsed, connection), parsed.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string? connection, bool asJson, CancellationToken cancellationToken)
    {
        if (connection is null)
            return Output.Fail(DatabaseOption.Missing, CouldNotLook);
        try
        {
            var report = await new CampfireDoctor(connection).ExamineAsync(cancellationToken).ConfigureAwait(false);
            if (asJson)
                PrintJson(report);
            else
                PrintText(report);
            return report.Findings.Count == 0 ? NothingFound : SomethingFound;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail("Stopped; nothing was changed.", CouldNotLook);
        }
        catch (Exception failure) when (failure is CampfireMigrationException or ArgumentException)
        {
            return Output.Fail(failure.Message, CouldNotLook);
        }
    }

    private static void PrintText(DoctorReport report)
    {
        foreach (var severity in report.Findings.GroupBy(finding => finding.Severity))
        {
            Output.Heading(severity.Key == DoctorSeverity.Error ? "Errors" : "Warnings");
            foreach (var finding in severity)
            {
                Output.Line($"  {finding.Code}: {finding.Object}");
                Output.Line($"    {finding.Message}");
                Output.Line($"    {finding.Fix}");
            }
        }
        if (report.Findings.Count == 0)
            Output.Line("No findings.");
    }

    private static void PrintJson(DoctorReport report)
    {
        var findings = report.Findings.Select(JsonNode? (finding) => new JsonObject
        {
            ["code"] = finding.Code,
            ["severity"] = finding.Severity == DoctorSeverity.Error ? "error" : "warning",
            ["object"] = finding.Object,
            ["message"] = finding.Message,
            ["fix"] = finding.Fix,
        });
        Output.Line(new JsonObject { ["findings"] = new JsonArray([.. findings]) }.ToJsonString());
    }
}

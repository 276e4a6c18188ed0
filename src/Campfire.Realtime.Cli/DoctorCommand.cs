using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Campfire.Realtime.Migrations;

namespace Campfire.Realtime.Cli;

internal static class DoctorCommand
{
    private const int NothingFound = 0;
    private const int SomethingFound = 1;
    private const int CouldNotLook = 2;

    private const string UrlVariable = "CAMPFIRE_SUPABASE_URL";
    private const string AnonKeyVariable = "CAMPFIRE_SUPABASE_ANON_KEY";
    private const string ServiceKeyVariable = "CAMPFIRE_SUPABASE_SERVICE_KEY";
    private const string JwtSecretVariable = "CAMPFIRE_SUPABASE_JWT_SECRET";

    // A canary needs all of its tables.
    private static readonly string[] _hindrances = ["role_missing", "migration_pending", "table_missing", "column_missing"];

    public static Command Create()
    {
        var connection = DatabaseOption.Create();
        var json = new Option<bool>("--json") { Description = "Print the report as one JSON object." };
        var live = new Option<bool>("--live")
        {
            Description = "Also join the project as visitor, agent, server and stranger, send a message through each path and measure it. " +
                "This makes two organizations and removes them at the end.",
        };
        var url = Create("--url", UrlVariable, "The project's URL.");
        var anonKey = Create("--anon-key", AnonKeyVariable, "The anon or publishable key.");
        var serviceKey = Create("--service-key", ServiceKeyVariable, "The service_role or secret key; without it, the server is not tried.");
        var jwtSecret = Create("--jwt-secret", JwtSecretVariable, "The secret that signs the project's tokens.");
        var command = new Command(
            "doctor",
            """
            Examine a Supabase project's database and say how to put right what is wrong.

            Ends with 0 when nothing is wrong, 1 when something is, and 2 when it could not look.

            Whoever can list this machine's processes reads what is passed as an option: rather set
            CAMPFIRE_SUPABASE_DB and, for --live, CAMPFIRE_SUPABASE_URL, CAMPFIRE_SUPABASE_ANON_KEY,
            CAMPFIRE_SUPABASE_SERVICE_KEY and CAMPFIRE_SUPABASE_JWT_SECRET in the environment.

            Example: campfire doctor --connection postgresql://postgres:secret@db.example.supabase.co:5432/postgres
            """)
        {
            connection, json, live, url, anonKey, serviceKey, jwtSecret,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            if (DatabaseOption.Read(parsed, connection) is not { } database)
                return Task.FromResult(Output.Fail(DatabaseOption.Missing, CouldNotLook));
            LiveTarget? target = null;
            if (parsed.GetValue(live))
            {
                if (!Uri.TryCreate(Read(parsed, url, UrlVariable), UriKind.Absolute, out var project)
                    || Read(parsed, anonKey, AnonKeyVariable) is not { } anon
                    || Read(parsed, jwtSecret, JwtSecretVariable) is not { } secret)
                {
                    return Task.FromResult(Output.Fail(
                        $"--live needs the project's URL, anon key and JWT secret: pass --url, --anon-key and --jwt-secret, or set {UrlVariable}, {AnonKeyVariable} and {JwtSecretVariable}.",
                        CouldNotLook));
                }
                target = new LiveTarget
                {
                    Url = project,
                    AnonKey = anon,
                    JwtSecret = secret,
                    ServiceKey = Read(parsed, serviceKey, ServiceKeyVariable),
                };
            }
            return RunAsync(database, target, parsed.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static Option<string?> Create(string name, string variable, string description) =>
        new(name) { Description = $"{description} Without it, {variable} is taken from the environment." };

    private static string? Read(ParseResult parsed, Option<string?> option, string variable) =>
        parsed.GetValue(option) ?? (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null);

    private static async Task<int> RunAsync(string connection, LiveTarget? target, bool asJson, CancellationToken cancellationToken)
    {
        try
        {
            var doctor = new CampfireDoctor(connection);
            var report = await doctor.ExamineAsync(cancellationToken).ConfigureAwait(false);
            if (target is not null && report.Findings.FirstOrDefault(finding => _hindrances.Contains(finding.Code)) is { } hindrance)
            {
                Output.Fail($"--live was left out because of {hindrance.Code}.");
            }
            else if (target is not null)
            {
                var live = await ExamineLiveAsync(doctor, target, report, asJson, cancellationToken).ConfigureAwait(false);
                report = new DoctorReport([.. report.Findings.Concat(live.Findings).OrderByDescending(finding => finding.Severity)], live.Measurements);
            }
            Print(report, asJson);
            return report.Findings.Count == 0 ? NothingFound : SomethingFound;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail(target is null ? "Stopped; nothing was changed." : "Stopped; what was made has been removed.", CouldNotLook);
        }
        catch (Exception failure) when (failure is CampfireMigrationException or ArgumentException)
        {
            return Output.Fail(failure, CouldNotLook);
        }
    }

    // What the database itself has told is worth printing, whatever hinders the look from outside.
    private static async Task<DoctorReport> ExamineLiveAsync(
        CampfireDoctor doctor, LiveTarget target, DoctorReport ofDatabase, bool asJson, CancellationToken cancellationToken)
    {
        try
        {
            return await doctor.ExamineLiveAsync(target, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is CampfireMigrationException or ArgumentException)
        {
            Print(ofDatabase, asJson);
            throw;
        }
    }

    private static void Print(DoctorReport report, bool asJson)
    {
        if (asJson)
            PrintJson(report);
        else
            PrintText(report);
    }

    private static void PrintText(DoctorReport report)
    {
        if (report.Measurements.Count > 0)
            Output.Heading("Paths");
        foreach (var measurement in report.Measurements)
            Output.Line(string.Create(CultureInfo.InvariantCulture, $"  {measurement.Duration.TotalMilliseconds,8:0.0} ms  {measurement.Path}"));
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
        var measurements = report.Measurements.Select(JsonNode? (measurement) => new JsonObject
        {
            ["path"] = measurement.Path,
            ["milliseconds"] = Math.Round(measurement.Duration.TotalMilliseconds, 1),
        });
        var json = new JsonObject
        {
            ["findings"] = new JsonArray([.. findings]),
            ["measurements"] = new JsonArray([.. measurements]),
        };
        Output.Line(json.ToJsonString());
    }
}

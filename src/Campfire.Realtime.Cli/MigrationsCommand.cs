using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Campfire.Realtime.Migrations;

namespace Campfire.Realtime.Cli;

internal static class MigrationsCommand
{
    private const int CouldNotLook = 2;

    public static Command Create() => new("migrations", "Look at the scripts of a database, or export them for the Supabase CLI.")
    {
        CreateStatus(),
        CreateExport(),
    };

    private static Command CreateStatus()
    {
        var connection = DatabaseOption.Create();
        var json = new Option<bool>("--json") { Description = "Print a JSON array instead of a table." };
        var command = new Command(
            "status",
            """
            Show which scripts a database has. The exit code is 0 when it is current, 1 when scripts are pending or differ, 2 when it could not be asked.

            Example: campfire migrations status --connection postgresql://postgres:secret@db.example.supabase.co:5432/postgres
            """)
        {
            connection, json,
        };
        command.SetAction((parsed, cancellationToken) =>
            ShowStatusAsync(DatabaseOption.Read(parsed, connection), parsed.GetValue(json), cancellationToken));
        return command;
    }

    private static Command CreateExport()
    {
        var to = new Option<DirectoryInfo>("--to")
        {
            Description = "The folder for the files.",
            HelpName = "DIR",
            DefaultValueFactory = _ => new DirectoryInfo("supabase/migrations"),
        };
        var force = new Option<bool>("--force") { Description = "Replace files of the same names that have other content." };
        var command = new Command(
            "export",
            """
            Write the scripts as files that the Supabase CLI applies.

            Example: campfire migrations export --to supabase/migrations && supabase db push
            """)
        {
            to, force,
        };
        command.SetAction((parsed, cancellationToken) =>
            ExportAsync(parsed.GetValue(to)!.ToString(), parsed.GetValue(force), cancellationToken));
        return command;
    }

    private static async Task<int> ShowStatusAsync(string? connection, bool asJson, CancellationToken cancellationToken)
    {
        if (connection is null)
            return Output.Fail(DatabaseOption.Missing, CouldNotLook);
        try
        {
            var scripts = await new CampfireMigrator(connection).GetStatusAsync(cancellationToken).ConfigureAwait(false);
            if (asJson)
                PrintJson(scripts);
            else
                PrintTable(scripts);
            return scripts.All(script => script.State == MigrationState.Applied) ? 0 : 1;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail("Stopped.", CouldNotLook);
        }
        catch (Exception failure) when (failure is CampfireMigrationException or ArgumentException)
        {
            return Output.Fail(failure, CouldNotLook);
        }
    }

    private static async Task<int> ExportAsync(string directory, bool force, CancellationToken cancellationToken)
    {
        try
        {
            var files = await CampfireMigrations.ExportAsync(directory, force, cancellationToken).ConfigureAwait(false);
            foreach (var file in files)
                Output.Line($"{file.Path} {(file.IsWritten ? "written" : "unchanged")}");
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail("Stopped.");
        }
        catch (Exception failure) when (failure is CampfireMigrationException or IOException or UnauthorizedAccessException)
        {
            return Output.Fail(failure);
        }
    }

    private static void PrintTable(IReadOnlyList<MigrationStatus> scripts)
    {
        string[][] rows =
        [
            ["script", "state", "applied at", "applied by", "version"],
            .. scripts.Select(script => new[]
            {
                script.Name,
                NameOf(script.State),
                script.AppliedAt?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "",
                script.AppliedBy ?? "",
                script.PackageVersion ?? "",
            }),
        ];
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            Output.Line(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static void PrintJson(IReadOnlyList<MigrationStatus> scripts)
    {
        var array = new JsonArray([.. scripts.Select(script => new JsonObject
        {
            ["name"] = script.Name,
            ["state"] = NameOf(script.State),
            ["applied_at"] = script.AppliedAt?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
            ["applied_by"] = script.AppliedBy,
            ["package_version"] = script.PackageVersion,
        })]);
        Output.Line(array.ToJsonString());
    }

    private static string NameOf(MigrationState state) => state switch
    {
        MigrationState.Applied => "applied",
        MigrationState.Pending => "pending",
        MigrationState.Missing => "missing",
        MigrationState.Edited => "edited",
        _ => "unknown",
    };
}

using System.CommandLine;
using Campfire.Realtime.Migrations;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Cli;

internal static class MigrateCommand
{
    public static Command Create()
    {
        var connection = DatabaseOption.Create();
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "Say which scripts would run, try them in one transaction and roll it back. It holds the locks of the scripts meanwhile.",
        };
        var timeout = new Option<int>("--script-timeout")
        {
            Description = "How many seconds one script may run; 0 is without limit. Adopting a large table takes longer than the default.",
            HelpName = "SECONDS",
            DefaultValueFactory = _ => 600,
        };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var seconds) && seconds is < 0 or > 604_800)
                result.AddError("--script-timeout takes a number of seconds up to 604800, a week, or 0 for no limit.");
        });
        var command = new Command(
            "migrate",
            """
            Bring a Supabase project's database to the schema of this version.

            Example: campfire migrate --connection postgresql://postgres:secret@db.example.supabase.co:5432/postgres
            """)
        {
            connection, dryRun, timeout,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            DatabaseOption.Read(parsed, connection), parsed.GetValue(dryRun), TimeSpan.FromSeconds(parsed.GetValue(timeout)), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string? connection, bool dryRun, TimeSpan scriptTimeout, CancellationToken cancellationToken)
    {
        if (connection is null)
            return Output.Fail(DatabaseOption.Missing, 2);
        using var notices = LoggerFactory.Create(logging => logging.AddProvider(new WaitingNotice()));
        try
        {
            var migrator = new CampfireMigrator(
                connection,
                new CampfireMigratorOptions { ScriptTimeout = scriptTimeout, Progress = new PrintedProgress(), LoggerFactory = notices });
            if (dryRun)
            {
                PrintPreview(await migrator.PreviewAsync(cancellationToken).ConfigureAwait(false));
            }
            else
            {
                var result = await migrator.MigrateAsync(cancellationToken).ConfigureAwait(false);
                Output.Line(result.Applied.Count == 0 ? "The database is up to date." : $"{result.Applied.Count} scripts applied.");
            }
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail("Stopped; the script that was running has been rolled back.");
        }
        catch (CampfireMigrationException failure)
        {
            Output.Fail(failure);
            foreach (var obstacle in failure.Obstacles)
                Console.Error.WriteLine($"  {obstacle}");
            return 1;
        }
        catch (ArgumentException failure)
        {
            return Output.Fail(failure);
        }
    }

    private static void PrintPreview(MigrationPreview preview)
    {
        foreach (var migration in preview.Pending)
            Output.Line(preview.Untried.Contains(migration) ? $"{migration.Name} would be applied, but could not be tried" : $"{migration.Name} would be applied");
        Output.Line(preview switch
        {
            { Pending.Count: 0 } => "The database is up to date.",
            { Untried.Count: 0 } => $"{preview.Pending.Count} scripts would be applied; all of them ran and were rolled back. Nothing was changed.",
            _ => $"{preview.Pending.Count} scripts would be applied. From {preview.Untried[0].Name} on they need the commit of those before them. Nothing was changed.",
        });
    }

    // Unlike Progress<T>, which hands over to the thread pool, this prints in order and before the command ends.
    private sealed class PrintedProgress : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value)
        {
            if (value.IsApplied)
                Output.Line($"{value.Migration.Name} applied ({value.Number} of {value.Count})");
        }
    }
}

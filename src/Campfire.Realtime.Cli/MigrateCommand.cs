using System.CommandLine;
using Campfire.Realtime.Migrations;

namespace Campfire.Realtime.Cli;

internal static class MigrateCommand
{
    public static Command Create()
    {
        var connection = new Option<string>("--connection")
        {
            Description = "The database as role postgres: a URI (postgresql://…) or an Npgsql connection string.",
            Required = true,
        };
        var command = new Command(
            "migrate",
            """
            Bring a Supabase project's database to the schema of this version.

            Example: campfire migrate --connection postgresql://postgres:secret@db.example.supabase.co:5432/postgres
            """)
        {
            connection,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(connection)!, cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string connection, CancellationToken cancellationToken)
    {
        try
        {
            var options = new CampfireMigratorOptions { Progress = new PrintedProgress() };
            var result = await new CampfireMigrator(connection, options).MigrateAsync(cancellationToken).ConfigureAwait(false);
            Output.Line(result.Applied.Count == 0 ? "The database is up to date." : $"{result.Applied.Count} scripts applied.");
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Output.Fail("Stopped; the script that was running has been rolled back.");
        }
        catch (Exception failure) when (failure is CampfireMigrationException or ArgumentException)
        {
            return Output.Fail(failure.Message);
        }
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

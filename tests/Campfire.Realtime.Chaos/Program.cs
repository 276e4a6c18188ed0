using System.CommandLine;
using Campfire.Realtime;
using Campfire.Realtime.Chaos;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations;
using Npgsql;
using QuickStart;

const int BadArguments = 2;
const int Stopped = 130;

Option<int> messages = new("--messages") { Description = "How many messages are sent.", HelpName = "N", DefaultValueFactory = _ => 20_000 };
Option<int> faults = new("--faults") { Description = "How many faults happen meanwhile.", HelpName = "N", DefaultValueFactory = _ => 200 };
Option<int?> seed = new("--seed") { Description = "Repeats the faults of an earlier run, in kind and order.", HelpName = "S" };
Option<FileInfo?> json = new("--json") { Description = "Writes the outcome into this file as well.", HelpName = "FILE" };
Option<bool> supabase = new("--supabase") { Description = "Runs against the project that the CAMPFIRE_… variables name, through a faulty proxy." };
RequireRange(messages, 1, 1_000_000);
RequireRange(faults, 0, 10_000);
json.Validators.Add(result =>
{
    if (result.Tokens.Count == 1 && Path.GetDirectoryName(Path.GetFullPath(result.Tokens[0].Value)) is { } folder && !Directory.Exists(folder))
        result.AddError($"--json: there is no folder {folder}. Create it, or name a file elsewhere.");
});

RootCommand command = new(
    """
    Sends messages through faults of every kind and checks that each reader sees each stored message once and in order.

    Exit code 0: so it was. 1: it was not. 2: the arguments cannot be used.
    Example: dotnet run -c Release --project tests/Campfire.Realtime.Chaos -- --messages 20000 --faults 200
    """)
{
    messages, faults, seed, json, supabase,
};
command.SetAction(async (parsed, cancellationToken) =>
{
    using var run = new ChaosRun(new ChaosOptions(
        parsed.GetValue(messages), parsed.GetValue(faults), parsed.GetValue(seed) ?? Random.Shared.Next(), parsed.GetValue(json), parsed.GetValue(supabase)));
    return await run.RunAsync(cancellationToken) ? 0 : 1;
});

ParseResult parsed = command.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (string error in parsed.Errors.Select(error => error.Message))
        Console.Error.WriteLine($"Chaos: {error}");
    return BadArguments;
}

try
{
    // Ctrl-C and SIGTERM cancel the run, which then has the time to stop its database.
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Stopped.");
    return Stopped;
}
catch (QuickStartException e)
{
    Console.Error.WriteLine($"Chaos: {e.Message}");
    return BadArguments;
}
catch (Exception e) when (e is ChaosException or CampfireException or CampfireEmulatorException or CampfireMigrationException or NpgsqlException or IOException)
{
    Console.Error.WriteLine($"Chaos: {e.Message}");
    return 1;
}

static void RequireRange(Option<int> option, int least, int most) => option.Validators.Add(result =>
{
    if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
        result.AddError($"{option.Name} takes {least:N0} to {most:N0}.");
});

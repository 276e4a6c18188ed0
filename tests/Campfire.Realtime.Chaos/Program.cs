using System.CommandLine;
using Campfire.Realtime;
using Campfire.Realtime.Chaos;
using Campfire.Realtime.Chaos.Measuring;
using Campfire.Realtime.Chaos.Running;
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
Option<int?> storm = new("--storm") { Description = "Instead, lets so many clients lose the server together and counts how they come back.", HelpName = "CLIENTS" };
Option<bool> detect = new("--detect") { Description = "Instead, measures how long a half-open link, a cut and 10,000 missed messages take at defaults." };
Option<int?> soak = new("--soak")
{
    Description = "Instead, joins, sends and reconnects for long and looks at what the process keeps: so many percent of 10,000 joins, 100,000 sends and 1,000 reconnects, 5 without a number.",
    HelpName = "PERCENT",
    Arity = ArgumentArity.ZeroOrOne,
};
RequireRange(messages, 1, 1_000_000);
RequireRange(faults, 0, 10_000);
RequireRange(storm, 1, 5_000);
RequireRange(soak, 1, 1_000);
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
    messages, faults, seed, json, supabase, storm, detect, soak,
};
command.Validators.Add(result =>
{
    string[] modes = [.. new Option[] { supabase, storm, detect, soak }.Where(mode => result.GetResult(mode) is { Implicit: false }).Select(mode => mode.Name)];
    if (modes.Length > 1)
        result.AddError($"{string.Join(" and ", modes)} exclude each other. Run them one after the other.");
    string[] ofTheRun = [.. new Option[] { messages, faults, seed }.Where(option => result.GetResult(option) is { Implicit: false }).Select(option => option.Name)];
    if (modes.Length == 1 && modes[0] != supabase.Name && ofTheRun.Length > 0)
        result.AddError($"{modes[0]} has no use for {string.Join(" and ", ofTheRun)}. Leave it out.");
});
Command serve = new(ServerProcess.Command, "Is the emulator of --soak; the program starts it by itself.") { Hidden = true };
serve.SetAction((_, cancellationToken) => ServerProcess.ServeAsync(cancellationToken));
command.Subcommands.Add(serve);
command.SetAction(async (parsed, cancellationToken) =>
{
    FileInfo? file = parsed.GetValue(json);
    if (parsed.GetValue(storm) is { } clients)
        return await Storm.RunAsync(clients, file, cancellationToken) ? 0 : 1;
    if (parsed.GetValue(detect))
        return await Detection.RunAsync(file, cancellationToken) ? 0 : 1;
    if (parsed.GetResult(soak) is { Implicit: false })
        return await Soak.RunAsync(parsed.GetValue(soak) ?? 5, file, cancellationToken) ? 0 : 1;

    using var run = new ChaosRun(new ChaosOptions(
        parsed.GetValue(messages), parsed.GetValue(faults), parsed.GetValue(seed) ?? Random.Shared.Next(), file, parsed.GetValue(supabase)));
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

static void RequireRange(Option option, int least, int most) => option.Validators.Add(result =>
{
    if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
        result.AddError($"{option.Name} takes {least:N0} to {most:N0}.");
});

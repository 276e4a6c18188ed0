using System.CommandLine;
using Campfire.Realtime.Cli;

var root = new RootCommand("Campfire.Realtime: live support chat on Supabase Realtime.")
{
    UpCommand.Create(),
    MigrateCommand.Create(),
    MigrationsCommand.Create(),
    DoctorCommand.Create(),
};

// Ctrl-C and SIGTERM cancel the command, which then has the time to stop its database.
var parsed = root.Parse(args);
var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) }).ConfigureAwait(false);

// 1 is an answer of some commands; a command that was not understood gave none.
return parsed.Errors.Count > 0 ? 2 : exitCode;

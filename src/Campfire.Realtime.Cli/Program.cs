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
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) }).ConfigureAwait(false);

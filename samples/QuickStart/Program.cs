using System.CommandLine;
using QuickStart;

var transcript = new Option<FileInfo?>("--transcript") { Description = "Replay this dialogue instead of the one that comes along.", HelpName = "FILE" };
var messages = new Option<int?>("--messages") { Description = "Repeat the dialogue until so many messages were sent.", HelpName = "N" };
var json = new Option<FileInfo?>("--json") { Description = "Write the figures to this file as well.", HelpName = "FILE" };
var supabase = new Option<bool>("--supabase") { Description = "Run against the project that the CAMPFIRE_… variables name, instead of the emulator." };
messages.Validators.Add(result =>
{
    if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int count) && count is < 1 or > 1_000_000)
        result.AddError("--messages takes 1 to 1,000,000.");
});

var command = new RootCommand(
    """
    A visitor and an agent hold a support dialogue over Supabase Realtime, and every event is counted at every side.

    Example: dotnet run --project samples/QuickStart -- --messages 500
    """)
{
    transcript, messages, json, supabase,
};
command.SetAction((parsed, cancellationToken) => QuickStartRun.ExecuteAsync(
    new QuickStartOptions(parsed.GetValue(transcript), parsed.GetValue(messages), parsed.GetValue(json), parsed.GetValue(supabase)), cancellationToken));

// Ctrl-C and SIGTERM cancel the run, which then has the time to stop its database.
return await command.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });

using System.CommandLine;

namespace Campfire.Realtime.Cli;

// Without a default value, which --help would print together with its password.
internal static class DatabaseOption
{
    public const string Missing = "Which database? Pass --connection, or set CAMPFIRE_SUPABASE_DB, which keeps the password out of the list of processes.";
    private const string Variable = "CAMPFIRE_SUPABASE_DB";

    public static Option<string?> Create() => new("--connection")
    {
        Description = $"The database as role postgres: a URI (postgresql://…) or an Npgsql connection string. Without it, {Variable} is taken from the environment.",
    };

    public static string? Read(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is { Length: > 0 } named)
            return named;
        return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } fromEnvironment ? fromEnvironment : null;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Cli;

internal static class UpCommand
{
    private static readonly TimeSpan _agentTokenLifetime = TimeSpan.FromHours(12);

    public static Command Create()
    {
        var port = new Option<int>("--port")
        {
            Description = "The port of the project's URL on 127.0.0.1; 0 takes a free one.",
            DefaultValueFactory = _ => 54321,
            CustomParser = result =>
            {
                if (result.Tokens is [var token] && int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 65535)
                    return number;
                result.AddError("--port takes 1 to 65535, or 0 for a free port.");
                return 0;
            },
        };
        var data = new Option<string?>("--data") { Description = "A folder that keeps the database and the keys. Without it, both go away at the end.", HelpName = "DIR" };
        data.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && string.IsNullOrWhiteSpace(result.Tokens[0].Value))
                result.AddError("--data is empty. Name a folder, or leave --data out for a database that goes away at the end.");
        });
        var noMigrate = new Option<bool>("--no-migrate") { Description = "Leave the database as a new Supabase project has it." };
        var json = new Option<bool>("--json") { Description = "Print one line of JSON when ready, and everything else on standard error." };

        var command = new Command(
            "up",
            """
            Run a local Supabase (Postgres, Realtime and RPC) until Ctrl-C.

            Example: campfire up --port 54321 --data ./supabase
            """)
        {
            port, data, noMigrate, json,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            new CampfireEmulatorOptions
            {
                Port = parsed.GetValue(port),
                DataDirectory = parsed.GetValue(data),
                ApplyMigrations = !parsed.GetValue(noMigrate),
            },
            parsed.GetValue(json),
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CampfireEmulatorOptions options, bool asJson, CancellationToken cancellationToken)
    {
        using var loggers = LoggerFactory.Create(logging => logging
            .SetMinimumLevel(LogLevel.Warning)
            // A failed start is told once, in our own words.
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None)
            .AddSimpleConsole(console => console.SingleLine = true)
            .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
        options.LoggerFactory = loggers;
        try
        {
            var emulator = await CampfireEmulator.StartAsync(options, cancellationToken).ConfigureAwait(false);
            await using (emulator.ConfigureAwait(false))
            {
                if (asJson)
                    PrintJson(emulator);
                else
                    PrintText(emulator);
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
        catch (CampfireEmulatorException failure)
        {
            return Output.Fail(failure);
        }
    }

    private static void PrintJson(CampfireEmulator emulator)
    {
        var ready = new JsonObject
        {
            ["url"] = Trimmed(emulator.Url),
            ["anon_key"] = emulator.AnonKey,
            ["service_key"] = emulator.ServiceKey,
            ["jwt_secret"] = emulator.JwtSecret,
            ["db"] = emulator.DatabaseUri.OriginalString,
        };
        Console.Out.WriteLine(ready.ToJsonString());
        Console.Out.Flush();
    }

    private static void PrintText(CampfireEmulator emulator)
    {
        var userId = Guid.CreateVersion7();
        Output.Heading("Supabase runs on this machine. Ctrl-C stops it.");
        Output.Field("URL", Trimmed(emulator.Url));
        Output.Field("anon key", emulator.AnonKey);
        Output.Field("publishable key", emulator.PublishableKey);
        Output.Field("service key", emulator.ServiceKey);
        Output.Field("secret key", emulator.SecretKey);
        Output.Field("JWT secret", emulator.JwtSecret);
        Output.Field("database", emulator.DatabaseUri.OriginalString);
        Output.Heading($"An agent's token, valid for {_agentTokenLifetime.TotalHours:0} hours");
        Output.Field("user id", userId.ToString());
        Output.Field("token", emulator.CreateAgentToken(userId, _agentTokenLifetime));
        Output.Heading("It sees nothing until its user is a member of an organization:");
        Output.Line($"""
            psql '{emulator.DatabaseUri.OriginalString}' -c "with o as (insert into organizations (name) values ('Demo') returning id) insert into organization_members (organization_id, user_id, role, display_name) select id, '{userId}', 'agent', 'Demo agent' from o returning organization_id"
            """);
        Console.Out.Flush();
    }

    // Without the slash at the end, as Supabase prints it.
    private static string Trimmed(Uri url) => url.OriginalString.TrimEnd('/');
}

using System.Text.Json;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

internal static class Race
{
    // Makes the same call twice: the second begins while the first is done but not committed. The first
    // commits as soon as the second waits for it, or has ended without waiting.
    public static async Task<(JsonElement First, JsonElement Second)> RunAsync(Caller caller, string call, params object?[] parameters)
    {
        Task<JsonElement>? second = null;
        JsonElement first = await caller.RunAsync(async connection =>
        {
            string text = await connection.ReadAsync<string>($"select public.{call}::text", parameters);
            second = caller.CallAsync(call, parameters);
            await using NpgsqlConnection observer = await AssemblySetup.Database.OpenConnectionAsync();
            while (!second.IsCompleted && await observer.ReadAsync<long>(
                "select count(*) from pg_stat_activity where $1 = any (pg_blocking_pids(pid))", connection.ProcessID) == 0)
            {
            }

            return Json.Parse(text);
        });
        return (first, await second!);
    }
}

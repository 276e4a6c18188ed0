using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Campfire.Realtime.Interop.Tests;

// What a scenario may ask of its surroundings.
internal sealed class ScenarioHost(CampfireEmulator emulator, FakeTimeProvider? clock = null)
{
    public static async Task<ScenarioOutcome> RunAsync(CampfireEmulator emulator, string script, string scenario, FakeTimeProvider? clock = null)
    {
        await using NodeScript running = NodeScript.Start(script, scenario, new ScenarioHost(emulator, clock).AnswerAsync);
        return await running.EndedAsync();
    }

    public async Task<JsonNode?> AnswerAsync(string call, JsonNode arguments)
    {
        switch (call)
        {
            case "project":
                return JsonOf(new { Url = emulator.Url.ToString().TrimEnd('/'), emulator.AnonKey, emulator.ServiceKey, emulator.PublishableKey, emulator.SecretKey });
            case "desk":
                return JsonOf(await SupportDesk.CreateAsync(emulator));
            case "agentToken":
                Guid user = (string?)arguments["userId"] is { } id ? Guid.Parse(id) : Guid.NewGuid();
                return emulator.CreateAgentToken(user, (double?)arguments["seconds"] is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
            case "sql":
                return await QueryAsync((string)arguments["text"]!, arguments["values"]!.AsArray());
            case "dropConnections":
                emulator.Faults.DropConnections(TimeSpan.FromSeconds((double)arguments["refuseForSeconds"]!));
                return null;
            case "halfOpen":
                emulator.Faults.HalfOpen();
                return null;
            case "restartRealtime":
                emulator.Faults.RestartRealtime();
                return null;
            case "refuseJoins":
                emulator.Faults.RefuseJoins((string)arguments["reason"]!, (int)arguments["count"]!);
                return null;
            case "closeChannel":
                emulator.Faults.CloseChannel((string)arguments["topic"]!);
                return null;
            case "advance" when clock is not null:
                clock.Advance(TimeSpan.FromSeconds((double)arguments["seconds"]!));
                return null;
            default:
                throw new InvalidOperationException($"This host has no '{call}'.");
        }
    }

    private static JsonNode? JsonOf(object value) => JsonSerializer.SerializeToNode(value, JsonSerializerOptions.Web);

    private async Task<JsonNode> QueryAsync(string sql, JsonArray values)
    {
        await using var database = NpgsqlDataSource.Create(emulator.ConnectionString);
        await using NpgsqlCommand command = database.CreateCommand(sql);
        foreach (JsonNode? value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = (string?)value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        var rows = new JsonArray();
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            rows.Add(reader.IsDBNull(0) ? null : (JsonNode?)reader.GetValue(0)?.ToString());
        return rows;
    }
}

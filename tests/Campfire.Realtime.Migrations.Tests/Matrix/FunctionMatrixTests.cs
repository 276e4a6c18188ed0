using System.Net.Http.Headers;
using System.Text;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// Every function × actor, in SQL under the actor's role and claims and through PostgREST's endpoint with the actor's token.
public sealed class FunctionMatrixTests
{
    private const string Ok = "ok";

    private static readonly HttpClient _http = new();

    [Test]
    public async Task Every_cell_of_the_functions_is_as_the_matrix_says()
    {
        MatrixTable table = new(["function", "case"]);
        foreach (FunctionProbe probe in FunctionProbe.All)
        {
            List<string> cells = [];
            foreach (string name in Actor.Names)
            {
                // What one actor did must not help the next.
                Scene scene = await Scene.CreateAsync();
                Actor actor = Actor.In(scene).Single(actor => actor.Name == name);
                cells.Add(MatrixTable.Agree(await LookAsync(probe, scene.This, actor)));
            }

            table.Add([probe.Function, probe.Case], cells);
        }

        MatrixComparison comparison = SecurityMatrix.Compare("Functions", table);
        Assert.That(comparison.Differences, Is.Empty, comparison.Description);
    }

    // By name, so that an overload without a probe of its own is found as well.
    [Test]
    public async Task Every_function_of_the_public_schema_has_a_probe() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>("select proname::text from pg_proc where pronamespace = 'public'::regnamespace"),
            Is.EquivalentTo(FunctionProbe.All.Select(probe => probe.Function).Distinct()));

    private static async Task<List<Sight>> LookAsync(FunctionProbe probe, Part part, Actor actor)
    {
        if (actor.Name == Actor.WithoutToken)
            return [new("HTTP", await PostAsync(probe, part, null))];

        List<Sight> sights = [];
        await using NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        foreach (Identity identity in actor.Identities)
            sights.Add(new($"SQL {identity.Name}", await CallAsync(connection, probe, part, identity.Caller)));
        foreach (Identity identity in actor.Identities.Where(identity => identity.Token is not null))
            sights.Add(new($"HTTP {identity.Name}", await PostAsync(probe, part, identity)));
        return sights;
    }

    private static async Task<string> CallAsync(NpgsqlConnection connection, FunctionProbe probe, Part part, Caller caller)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await caller.BecomeAsync(connection);
        try
        {
            await connection.ExecuteAsync(probe.Sql(part));
            return Ok;
        }
        catch (PostgresException refusal)
        {
            // As PostgREST translates them.
            return refusal.SqlState switch
            {
                ['P', 'T', .. string status] => status,
                PostgresErrorCodes.InsufficientPrivilege => caller.Role == "anon" ? "401" : "403",
                string state => $"{state} {refusal.MessageText}",
            };
        }
    }

    private static async Task<string> PostAsync(FunctionProbe probe, Part part, Identity? identity)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(AssemblySetup.Emulator.Url, $"/rest/v1/rpc/{probe.Function}"));
        request.Content = new StringContent(probe.Body(part), Encoding.UTF8, "application/json");
        if (identity is not null)
        {
            request.Headers.Add("apikey", identity.ApiKey);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", identity.Token);
        }

        using HttpResponseMessage response = await _http.SendAsync(request);
        return response.IsSuccessStatusCode ? Ok : $"{(int)response.StatusCode}";
    }
}

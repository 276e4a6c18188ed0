using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// Every table × operation × actor, in SQL under the actor's role and claims.
public sealed class TableMatrixTests
{
    private const string Ok = "ok";
    private const string Nothing = "none";
    private const string Denied = "denied";

    private static readonly string[] _partNames = ["this", "sibling", "foreign"];

    [Test]
    public async Task Every_cell_of_the_tables_is_as_the_matrix_says()
    {
        Scene scene = await Scene.CreateAsync();
        HashSet<string> granted = await ReadGrantsAsync();
        List<(TableProbe Probe, string Operation)> rows =
        [
            .. from probe in TableProbe.All from operation in TableProbe.Operations select (probe, operation),
        ];
        List<string[]> columns = [];
        foreach (Actor actor in Actor.In(scene))
        {
            List<string[]> ways = [];
            foreach (Identity identity in actor.Identities)
                ways.Add(await TryAllAsync(scene, identity.Caller, rows, granted));
            columns.Add([.. rows.Select((_, row) =>
                MatrixTable.Agree([.. actor.Identities.Zip(ways, (identity, cells) => new Sight(identity.Name, cells[row]))]))]);
        }

        MatrixTable table = new(["table", "operation"]);
        for (int row = 0; row < rows.Count; row++)
            table.Add([ShortName(rows[row].Probe.Table), rows[row].Operation], [.. columns.Select(column => column[row])]);
        MatrixComparison comparison = SecurityMatrix.Compare("Tables", table);
        Assert.That(comparison.Differences, Is.Empty, comparison.Description);
    }

    // Otherwise "denied" could mean that the statement is wrong.
    [Test]
    public async Task Every_statement_of_the_matrix_succeeds_for_the_owner()
    {
        Scene scene = await Scene.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync(Caller.Owner);

        foreach (TableProbe probe in TableProbe.All)
        {
            foreach (string operation in TableProbe.Operations)
            {
                foreach (Part part in scene.Parts)
                    Assert.That(await TryAsync(connection, probe, operation, part, Caller.Owner), Is.EqualTo(Ok), probe.Statement(operation, part));
            }
        }
    }

    // Views too: one without security_invoker shows what its owner may see.
    [Test]
    public async Task Every_relation_of_the_schemas_has_a_probe() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                """
                select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname in ('public', 'campfire') and c.relkind in ('r', 'p', 'v', 'm', 'f')
                """),
            Is.EquivalentTo(TableProbe.All.Select(probe => probe.Table)));

    private static async Task<string[]> TryAllAsync(
        Scene scene, Caller caller, List<(TableProbe Probe, string Operation)> rows, HashSet<string> granted)
    {
        await using NpgsqlConnection connection = await BeginAsync(caller);
        List<string> cells = [];
        foreach ((TableProbe probe, string operation) in rows)
        {
            List<string> outcomes = [];
            foreach (Part part in scene.Parts)
            {
                string outcome = await TryAsync(connection, probe, operation, part, caller);
                // The same SQLSTATE says that there is no grant, and that a policy refuses.
                outcomes.Add(outcome == Denied && granted.Contains($"{caller.Role} {probe.Table} {operation}") ? "refused" : outcome);
            }

            cells.Add(Summarize(outcomes));
        }

        return [.. cells];
    }

    private static async Task<NpgsqlConnection> BeginAsync(Caller caller)
    {
        NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        // Closing the connection rolls the transaction back.
        await connection.BeginTransactionAsync();
        await caller.BecomeAsync(connection);
        return connection;
    }

    private static async Task<string> TryAsync(NpgsqlConnection connection, TableProbe probe, string operation, Part part, Caller caller)
    {
        string preparation = probe.Preparation(operation, part) is { Length: > 0 } sql
            ? $"set local role none; {sql}; set local role {caller.Role ?? "none"};"
            : "";
        await connection.ExecuteAsync($"savepoint cell; {preparation}");
        try
        {
            await using NpgsqlCommand command = new(probe.Statement(operation, part), connection);
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
            bool hasRow = await reader.ReadAsync();
            await reader.CloseAsync();
            return hasRow || reader.RecordsAffected > 0 ? Ok : Nothing;
        }
        catch (PostgresException refusal)
        {
            return refusal.SqlState switch
            {
                PostgresErrorCodes.InsufficientPrivilege => Denied,
                ['P', 'T', .. string status] => status,
                string state => $"{state} {refusal.MessageText}",
            };
        }
        finally
        {
            await connection.ExecuteAsync("rollback to savepoint cell");
        }
    }

    // Whose rows, and what became of the others unless they were just not there.
    private static string Summarize(List<string> outcomes)
    {
        string[] reached = [.. _partNames.Where((_, part) => outcomes[part] == Ok)];
        string rows = reached switch
        {
            [] => "",
            ["this", "sibling", "foreign"] => "all",
            ["this", "sibling"] => "org",
            _ => string.Join('+', reached),
        };
        string[] refusals = [.. outcomes.Where(outcome => outcome is not (Ok or Nothing)).Distinct()];
        if (rows.Length == 0 && outcomes.Contains(Nothing))
            rows = Nothing;
        return string.Join(" / ", refusals.Prepend(rows).Where(text => text.Length > 0));
    }

    // Also a grant of a single column, and one in a schema that is closed.
    private static async Task<HashSet<string>> ReadGrantsAsync() =>
    [
        .. await Caller.Owner.ListAsync<string>(
            """
            select format('%s %s %s', role, relation, operation)
            from unnest($1::text[]) role, unnest($2::text[]) relation, unnest($3::text[]) operation
            where case operation
                when 'delete' then has_table_privilege(role, relation, operation)
                else has_any_column_privilege(role, relation, operation) end
            """,
            new[] { "anon", "authenticated", "service_role" },
            TableProbe.All.Select(probe => probe.Table).ToArray(),
            TableProbe.Operations.ToArray()),
    ];

    private static string ShortName(string table) => table.Replace("public.", "", StringComparison.Ordinal);
}

using System.Text;

namespace Campfire.Realtime.Migrations.Examining;

// One file of sql/checks: a SELECT with a row for each finding.
internal sealed record CheckScript(string Name, string Sql)
{
    // What Supabase provides. These need no migration; those after the first need the roles that it looks for.
    public static IReadOnlyList<CheckScript> Platform { get; } = Load("platform", "partitions", "replication");

    // What the migrations made; read from the catalogue only, whatever is missing.
    public static IReadOnlyList<CheckScript> Schema { get; } = Load(
        "tables", "triggers", "functions", "grants", "row_security", "policies", "publication", "indexes", "membership");

    // What is in the tables, so every table and column must be there.
    public static IReadOnlyList<CheckScript> Data { get; } = Load("settings", "mirror", "log");

    private static CheckScript[] Load(params string[] names) => [.. names.Select(name => new CheckScript(name, Read(name)))];

    private static string Read(string name)
    {
        using Stream stream = typeof(CheckScript).Assembly.GetManifestResourceStream($"sql/checks/{name}.sql")!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

namespace Campfire.Realtime.Migrations.Tests.Matrix;

// What one way of looking, as one identity, saw in a cell.
internal sealed record Sight(string Way, string Outcome);

// Rows of outcomes, one column for each actor.
internal sealed class MatrixTable(IReadOnlyList<string> keyColumns)
{
    private readonly List<(string[] Key, string[] Cells)> _rows = [];

    public IReadOnlyList<string> KeyColumns { get; } = keyColumns;

    public IEnumerable<string> Keys => _rows.Select(row => Name(row.Key));

    public void Add(IReadOnlyList<string> key, IReadOnlyList<string> cells) => _rows.Add(([.. key], [.. cells]));

    // All ways must agree; a cell in which they do not says which differ, and so can match no expectation.
    public static string Agree(IReadOnlyCollection<Sight> sights)
    {
        Assert.That(sights, Is.Not.Empty, "a cell that nobody looked at");
        List<IGrouping<string, Sight>> outcomes =
            [.. sights.GroupBy(sight => sight.Outcome).OrderByDescending(group => group.Count())];
        return string.Join("; ", outcomes.Select((group, index) =>
            index == 0 ? group.Key : $"{string.Join(", ", group.Select(sight => sight.Way))}: {group.Key}"));
    }

    // Each line names a row, an actor, and what was expected and seen.
    public IReadOnlyList<string> DifferencesFrom(MatrixTable expected)
    {
        List<string> differences = [];
        Dictionary<string, string[]> wanted = [];
        foreach ((string[] key, string[] cells) in expected._rows)
        {
            if (!wanted.TryAdd(Name(key), cells))
                differences.Add($"{Name(key)}: two rows in the matrix");
        }

        foreach ((string[] key, string[] cells) in _rows)
        {
            if (!wanted.Remove(Name(key), out string[]? row))
            {
                differences.Add($"{Name(key)}: exists, but has no row in the matrix");
                continue;
            }

            for (int column = 0; column < Actor.Names.Count; column++)
            {
                if (row[column] != cells[column])
                    differences.Add($"{Name(key)}, {Actor.Names[column]}: expected {row[column]}, was {cells[column]}");
            }
        }

        differences.AddRange(wanted.Keys.Select(name => $"{name}: a row in the matrix, but nothing of that name exists"));
        return differences;
    }

    public string Render()
    {
        List<string[]> lines = [[.. KeyColumns, .. Actor.Names], .. _rows.Select(row => (string[])[.. row.Key, .. row.Cells])];
        int[] widths = [.. Enumerable.Range(0, lines[0].Length).Select(column => lines.Max(line => line[column].Length))];
        lines.Insert(1, [.. widths.Select(width => new string('-', width))]);
        return string.Concat(lines.Select(line =>
            $"| {string.Join(" | ", line.Select((cell, column) => cell.PadRight(widths[column])))} |\n"));
    }

    private static string Name(IEnumerable<string> key) => string.Join(' ', key.Where(part => part.Length > 0));
}

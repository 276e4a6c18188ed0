namespace Campfire.Realtime.Migrations.Tests.Matrix;

internal sealed record MatrixComparison(IReadOnlyList<string> Differences, string Description);

// docs/security-matrix.md: what is expected, in one table for each kind of thing.
internal static class SecurityMatrix
{
    // A path: where a run that differs writes the document with the cells that it saw.
    private const string OutputVariable = "CAMPFIRE_SECURITY_MATRIX_OUTPUT";

    private static readonly Lock _lock = new();

    private static string Document => Path.Combine(TestContext.CurrentContext.TestDirectory, "docs", "security-matrix.md");

    // A table that differs is published as it was seen.
    public static MatrixComparison Compare(string heading, MatrixTable actual)
    {
        string text = File.ReadAllText(Document);
        IReadOnlyList<string> differences = actual.DifferencesFrom(Read(text, heading, actual.KeyColumns));
        if (differences.Count > 0)
            Publish(heading, actual.Render());
        return new MatrixComparison(
            differences,
            $"{differences.Count} cells or rows differ from {heading} in docs/security-matrix.md:\n{string.Join('\n', differences)}\n"
            + $"The table as it was seen is attached; {OutputVariable}=<path> writes it into a copy of the document.");
    }

    private static MatrixTable Read(string text, string heading, IReadOnlyList<string> keyColumns)
    {
        (int start, int end) = Find(text, heading);
        string[][] lines = [.. text[start..end].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ReadLine)];
        Assert.That(lines[0], Is.EqualTo(keyColumns.Concat(Actor.Names)), $"the columns of {heading}");
        MatrixTable table = new(keyColumns);
        foreach (string[] line in lines.Skip(2))
        {
            Assert.That(line, Has.Length.EqualTo(lines[0].Length), $"the cells of {string.Join(" | ", line)}");
            Assert.That(line[keyColumns.Count..], Has.None.Empty, $"the cells of {string.Join(" | ", line)}");
            table.Add(line[..keyColumns.Count], line[keyColumns.Count..]);
        }

        return table;
    }

    private static string[] ReadLine(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];

    // From the first to behind the last line of the table under a heading.
    private static (int Start, int End) Find(string text, string heading)
    {
        int section = text.IndexOf($"\n## {heading}\n", StringComparison.Ordinal);
        Assert.That(section, Is.Not.Negative, $"docs/security-matrix.md has no heading {heading}");
        int start = text.IndexOf("\n|", section, StringComparison.Ordinal) + 1;
        Assert.That(start, Is.Positive, $"{heading} has no table");
        int end = start;
        while (end < text.Length && text[end] == '|')
            end = text.IndexOf('\n', end) + 1;
        return (start, end);
    }

    private static void Publish(string heading, string table)
    {
        string attachment = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"security-matrix.{heading}.md");
        File.WriteAllText(attachment, table);
        TestContext.AddTestAttachment(attachment, "The table as it was seen");
        TestContext.Out.WriteLine(table);
        if (Environment.GetEnvironmentVariable(OutputVariable) is not { Length: > 0 } output)
            return;

        lock (_lock)
        {
            string text = File.ReadAllText(File.Exists(output) ? output : Document);
            (int start, int end) = Find(text, heading);
            File.WriteAllText(output, text[..start] + table + text[end..]);
        }
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Campfire.Realtime.Benchmarks.Running;

internal static class Report
{
    private const string Begin = "<!-- figures: begin; written by tests/Campfire.Realtime.Benchmarks -->";
    private const string End = "<!-- figures: end -->";
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    public static string Table(IEnumerable<Figure> figures)
    {
        StringBuilder table = new();
        table.AppendLine("| question | median | rounds | baseline | ratio | target | met |");
        table.AppendLine("|---|---|---|---|---|---|---|");
        foreach (Figure figure in figures)
        {
            string met = figure.Met switch { true => "yes", false => "**no**", null => "" };
            table.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {figure.Question} | {Format(figure.Value)} {figure.Unit} | {Format(figure.Low)} to {Format(figure.High)} | {Format(figure.Baseline)} | {figure.Ratio:0.00} | {figure.Target} | {met} |");
        }

        return table.ToString();
    }

    public static async Task WriteJsonAsync(string path, IEnumerable<Figure> figures, CancellationToken cancellationToken)
    {
        var rows = figures.Select(figure =>
            new { figure.Question, figure.Value, figure.Unit, figure.Baseline, figure.Ratio, figure.Target, figure.Met });
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(rows, _json), cancellationToken);
    }

    // Between the markers only; what people wrote around them stays.
    public static async Task WriteDocsAsync(string surroundings, IEnumerable<Figure> figures, CancellationToken cancellationToken)
    {
        string path = FindDocs();
        string page = await File.ReadAllTextAsync(path, cancellationToken);
        int begin = page.IndexOf(Begin, StringComparison.Ordinal);
        int end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            throw new InvalidOperationException($"{path} lacks the lines between which the figures stand: {Begin} and {End}.");
        page = $"{page[..(begin + Begin.Length)]}\n{Table(figures).ReplaceLineEndings("\n")}\n{surroundings}\n{page[end..]}";
        await File.WriteAllTextAsync(path, page, cancellationToken);
    }

    private static string Format(double? value) => value?.ToString(value >= 1000 ? "N0" : "0.###", CultureInfo.InvariantCulture) ?? "";

    private static string FindDocs()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "docs", "performance.md");
            if (File.Exists(path))
                return path;
        }

        throw new InvalidOperationException("docs/performance.md was not found above the program. Run it from the repository.");
    }
}

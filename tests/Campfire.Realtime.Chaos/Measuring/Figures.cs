using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Campfire.Realtime.Chaos.Measuring;

internal sealed record Figure(string Name, double Value, string Unit, string Target = "", bool? IsMet = null);

internal static class Figures
{
    public static double Quantile(IEnumerable<double> values, double quantile)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Max((int)Math.Ceiling(sorted.Length * quantile) - 1, 0)];
    }

    public static void Print(IEnumerable<Figure> figures)
    {
        Table table = new Table().AddColumn("").AddColumn(new TableColumn("measured").RightAligned()).AddColumn("target").AddColumn("met");
        foreach (Figure figure in figures)
        {
            string met = figure.IsMet switch { true => "yes", false => "NO", null => "" };
            table.AddRow(Markup.Escape(figure.Name), string.Create(CultureInfo.InvariantCulture, $"{figure.Value:0.##} {figure.Unit}"), figure.Target, met);
        }

        AnsiConsole.Write(table);
    }

    public static async Task WriteJsonAsync(FileInfo? file, IEnumerable<Figure> figures, CancellationToken cancellationToken)
    {
        if (file is null)
            return;

        var rows = new JsonArray([.. figures.Select(figure => new JsonObject
        {
            ["name"] = figure.Name, ["value"] = Math.Round(figure.Value, 3), ["unit"] = figure.Unit, ["target"] = figure.Target, ["met"] = figure.IsMet,
        })]);
        await File.WriteAllTextAsync(file.FullName, rows.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n", cancellationToken);
    }
}

using System.Text.Json;

namespace QuickStart;

internal sealed record Turn(bool IsVisitor, string Text);

/// <summary>A dialogue, one JSON object per line: {"from":"visitor"|"agent","text":"…"}.</summary>
internal static class Transcript
{
    public static async Task<IReadOnlyList<Turn>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
            throw new QuickStartException($"There is no transcript {path}.");

        var turns = new List<Turn>();
        int number = 0;
        await foreach (string line in File.ReadLinesAsync(path, cancellationToken))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
                turns.Add(Parse(line, $"{path}, line {number}"));
        }

        return turns.Count > 0 ? turns : throw new QuickStartException($"The transcript {path} has no turn.");
    }

    private static Turn Parse(string line, string where)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            string? from = document.RootElement.GetProperty("from").GetString();
            string? text = document.RootElement.GetProperty("text").GetString();
            if (from is not ("visitor" or "agent") || string.IsNullOrWhiteSpace(text))
                throw new QuickStartException($"{where}: \"from\" is visitor or agent, and \"text\" says something.");
            return new Turn(from == "visitor", text);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new QuickStartException($"{where}: each line is a JSON object like {{\"from\":\"visitor\",\"text\":\"Hello\"}}.", e);
        }
    }
}

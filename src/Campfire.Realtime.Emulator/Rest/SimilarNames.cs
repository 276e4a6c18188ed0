namespace Campfire.Realtime.Emulator.Rest;

// PostgREST's hints come from a fuzzy set: candidates are ranked by the n-grams they share with what was asked for,
// the best fifty of them by edit distance, and the largest n that finds anything decides.
internal static class SimilarNames
{
    private const int LargestGram = 3;
    private const int SmallestGram = 2;
    private const int Ranked = 50;

    public static string? Find(IEnumerable<string> candidates, string name, double minScore)
    {
        var key = name.ToLowerInvariant();
        var known = candidates.Distinct(StringComparer.Ordinal).ToList();
        if (known.Find(candidate => candidate.Equals(key, StringComparison.OrdinalIgnoreCase)) is { } same)
            return same;
        for (var size = LargestGram; size >= SmallestGram; size--)
        {
            var grams = GramsOf(key, size);
            var best = known
                .Select(candidate => (Candidate: candidate, Similarity: Cosine(grams, GramsOf(candidate.ToLowerInvariant(), size))))
                .Where(pair => pair.Similarity > 0)
                .OrderByDescending(pair => pair.Similarity)
                .Take(Ranked)
                .Select(pair => (pair.Candidate, Score: Likeness(key, pair.Candidate.ToLowerInvariant())))
                .Where(pair => pair.Score >= minScore)
                .OrderByDescending(pair => pair.Score)
                .FirstOrDefault();
            if (best.Candidate is not null)
                return best.Candidate;
        }
        return null;
    }

    private static Dictionary<string, int> GramsOf(string value, int size)
    {
        var kept = value.Where(character => char.IsLetterOrDigit(character) || char.IsWhiteSpace(character) || character == ',');
        var text = $"-{string.Concat(kept)}-";
        var grams = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i + size <= text.Length; i++)
        {
            var gram = text.Substring(i, size);
            grams[gram] = grams.GetValueOrDefault(gram) + 1;
        }
        return grams;
    }

    private static double Cosine(Dictionary<string, int> left, Dictionary<string, int> right)
    {
        var product = left.Sum(gram => (double)gram.Value * right.GetValueOrDefault(gram.Key));
        return product == 0 ? 0 : product / (Norm(left) * Norm(right));
    }

    private static double Norm(Dictionary<string, int> grams) => Math.Sqrt(grams.Values.Sum(count => (double)count * count));

    // 1 for equal texts, 0 when every character has to be replaced.
    private static double Likeness(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var current = new int[right.Length + 1];
            current[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var replaced = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
                current[j] = Math.Min(replaced, Math.Min(previous[j], current[j - 1]) + 1);
            }
            previous = current;
        }
        var longest = Math.Max(left.Length, right.Length);
        return longest == 0 ? 1 : 1 - ((double)previous[right.Length] / longest);
    }
}

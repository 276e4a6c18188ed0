using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Campfire.Realtime.Emulator.Rest;

// The header Prefer. Of several values for one preference the first counts.
internal sealed record Preferences(string? Count, bool? IsStrict, string? TimeZone, long? MaxAffected, IReadOnlyList<string> Invalid)
{
    private static readonly string[] _withoutEffectOnCalls =
    [
        "resolution=merge-duplicates", "resolution=ignore-duplicates",
        "return=representation", "return=minimal", "return=headers-only",
        "missing=default", "missing=null",
        // Supabase does not let a client decide on the transaction's end.
        "tx=commit", "tx=rollback",
    ];

    public bool WantsTotal => Count is "exact" or "estimated";

    public string? Applied
    {
        get
        {
            var applied = new List<string>();
            if (Count is not null)
                applied.Add($"count={Count}");
            if (IsStrict is { } isStrict)
                applied.Add(isStrict ? "handling=strict" : "handling=lenient");
            if (TimeZone is not null)
                applied.Add($"timezone={TimeZone}");
            if (MaxAffected is { } limit && IsStrict == true)
                applied.Add(string.Create(CultureInfo.InvariantCulture, $"max-affected={limit}"));
            return applied.Count == 0 ? null : string.Join(", ", applied);
        }
    }

    public static Preferences Read(StringValues header)
    {
        string? count = null, timeZone = null;
        bool? isStrict = null;
        long? maxAffected = null;
        var invalid = new List<string>();
        foreach (var preference in header.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            switch (preference.Split('=', 2))
            {
                case ["count", "exact" or "planned" or "estimated"] pair:
                    count ??= pair[1];
                    break;
                case ["handling", "strict" or "lenient"] pair:
                    isStrict ??= pair[1] == "strict";
                    break;
                case ["max-affected", var limit]:
                    maxAffected ??= long.TryParse(limit, CultureInfo.InvariantCulture, out var number) ? number : null;
                    break;
                case ["timezone", var zone] when TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _):
                    timeZone ??= zone;
                    break;
                default:
                    if (!_withoutEffectOnCalls.Contains(preference))
                        invalid.Add(preference);
                    break;
            }
        }
        return new Preferences(count, isStrict, timeZone, maxAffected, invalid);
    }
}

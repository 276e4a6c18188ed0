using System.Globalization;

namespace Campfire.Realtime.Emulator.Rest;

// The rows of a result that are wanted, from ?limit and ?offset and, with GET, the header Range.
internal readonly record struct RowRange(long Offset, long? Limit)
{
    public static RowRange All => default;

    public static (RowRange Range, RestError? Error) Read(string? limit, string? offset, string? rangeHeader)
    {
        long? wishedLimit = long.TryParse(limit, CultureInfo.InvariantCulture, out var count) ? count : null;
        var wishedOffset = long.TryParse(offset, CultureInfo.InvariantCulture, out var skipped) ? skipped : 0;
        if (wishedLimit < 0)
            return (All, RestError.RangeNotSatisfiable("Limit should be greater than or equal to zero."));
        var lower = wishedOffset;
        var upper = wishedLimit is { } rows and > 0 ? wishedOffset + rows - 1 : (long?)null;
        if (rangeHeader?.Split('-') is [var first, var last] && long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var from))
        {
            lower = Math.Max(lower, from);
            if (long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var to))
                upper = Math.Min(upper ?? to, to);
        }
        if (wishedLimit == 0)
            return (new RowRange(0, 0), null);
        return upper < lower
            ? (All, RestError.RangeNotSatisfiable("The lower boundary must be lower than or equal to the upper boundary in the Range header."))
            : (new RowRange(lower, upper - lower + 1), null);
    }

    public string ContentRange(long rows, long? total)
    {
        var range = rows > 0 && total != 0 ? string.Create(CultureInfo.InvariantCulture, $"{Offset}-{Offset + rows - 1}") : "*";
        return string.Create(CultureInfo.InvariantCulture, $"{range}/{(total is { } known ? known : "*")}");
    }
}

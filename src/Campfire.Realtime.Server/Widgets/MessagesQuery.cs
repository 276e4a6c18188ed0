using System.Globalization;
using Campfire.Realtime.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>Which part of the history is asked for: backwards from <c>before</c> (or the end), or forwards from <c>after</c>.</summary>
internal sealed record MessagesQuery(long? Before, long? After, int Limit)
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 200;

    public static MessagesQuery Parse(IQueryCollection query)
    {
        long? before = Number(query, "before");
        long? after = Number(query, "after");
        long limit = Number(query, "limit") ?? DefaultLimit;
        if (before is not null && after is not null)
            throw ProblemException.Malformed("The parameters before and after exclude each other.");
        if (limit is < 1 or > MaxLimit)
            throw ProblemException.Invalid($"The parameter limit ranges from 1 to {MaxLimit}.");

        return new MessagesQuery(before, after, (int)limit);
    }

    private static long? Number(IQueryCollection query, string name)
    {
        if (!query.TryGetValue(name, out StringValues text))
            return null;

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw ProblemException.Malformed($"The parameter {name} is not a whole number, or below zero, or given twice.");
    }
}

using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Campfire.Realtime.Emulator.Rest;

// The query string of a call: arguments, with GET and HEAD, and the range. Whatever else PostgREST can do with a result
// (select, filters, order) is left to real PostgREST, with a word about it.
internal sealed partial record CallQuery(IReadOnlyList<KeyValuePair<string, string>> Arguments, RowRange Range)
{
    private static readonly string[] _embeddable = ["order", "limit", "offset", "and", "or"];

    public static (CallQuery? Query, RestError? Error) Read(HttpRequest request, bool hasArguments)
    {
        var arguments = new List<KeyValuePair<string, string>>();
        string? limit = null, offset = null;
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            var (name, value) = (pair.DecodeName().ToString(), pair.DecodeValue().ToString());
            switch (name)
            {
                // It is the gateway's.
                case "apikey":
                case "select" when value == "*":
                    continue;
                case "limit":
                    limit = value;
                    continue;
                case "offset":
                    offset = value;
                    continue;
                case "select" or "columns" or "on_conflict":
                    return (null, NotServed(name));
            }
            if (_embeddable.Contains(name.Split('.')[^1]))
                return (null, NotServed(name));
            if (Filter().IsMatch(value))
                return (null, NotServed($"{name}={value[..(value.IndexOf('.', StringComparison.Ordinal) + 1)]}…"));
            if (!hasArguments)
                return (null, RestError.UnparsableFilter(value));
            arguments.Add(KeyValuePair.Create(name, value));
        }
        var header = HttpMethods.IsGet(request.Method) ? request.Headers.Range.ToString() : null;
        var (range, error) = RowRange.Read(limit, offset, header);
        return error is null ? (new CallQuery(arguments, range), null) : (null, error);
    }

    private static RestError NotServed(string what) => RestError.NotServed(
        $"the query parameter {what}", "Let the function itself select, filter and order; limit and offset are served.");

    [GeneratedRegex(
        @"^(not\.)?((eq|gte|gt|lte|lt|like|ilike|match|imatch)(\((any|all)\))?\.|(neq|cs|cd|ov|sl|sr|nxr|nxl|adj|isdistinct)\.|" +
        @"(fts|plfts|phfts|wfts)(\([^)]*\))?\.|in\.\(|is\.(null|not_null|true|false|unknown)$)",
        RegexOptions.CultureInvariant)]
    private static partial Regex Filter();
}

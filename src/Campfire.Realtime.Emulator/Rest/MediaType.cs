using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Campfire.Realtime.Emulator.Rest;

// How the result is written: which of the types that a request accepts, and what that type does to the JSON.
internal sealed record MediaType(string Name, bool StripsNulls = false)
{
    public const string Json = "application/json";
    private const string SingleObject = "application/vnd.pgrst.object+json";
    private const string Array = "application/vnd.pgrst.array+json";

    public bool IsSingleObject => Name == SingleObject;

    public string ContentType => (StripsNulls ? Name + ";nulls=stripped" : Name) + "; charset=utf-8";

    public static MediaType Parse(string text)
    {
        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        var stripsNulls = parts.Skip(1).Any(part => part.Replace(" ", "", StringComparison.Ordinal).Equals("nulls=stripped", StringComparison.OrdinalIgnoreCase));
        return parts[0].ToLowerInvariant() switch
        {
            "application/vnd.pgrst.object" or SingleObject => new MediaType(SingleObject, stripsNulls),
            "application/vnd.pgrst.array" or Array => stripsNulls ? new MediaType(Array, StripsNulls: true) : new MediaType(Json),
            var name => new MediaType(name),
        };
    }

    // The first one that can be had, in the order of their qualities.
    public static (MediaType? Type, RestError? Error) Negotiate(StringValues accept)
    {
        var wanted = accept.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select((text, position) => (Text: text, Quality: QualityOf(text), position))
            .OrderByDescending(range => range.Quality).ThenBy(range => range.position)
            .Select(range => WithoutQuality(range.Text)).ToList();
        if (wanted.Count == 0)
            return (new MediaType(Json), null);
        foreach (var text in wanted)
        {
            var type = Parse(text);
            switch (type.Name)
            {
                case "*/*":
                    return (new MediaType(Json), null);
                case Json or SingleObject or Array:
                    return (type, null);
                case "text/csv":
                    return (null, RestError.NotServed("results as text/csv", "Accept application/json."));
            }
        }
        var error = new RestError(
            StatusCodes.Status406NotAcceptable, "PGRST107", $"None of these media types are available: {string.Join(", ", wanted)}");
        return (null, error);
    }

    private static double QualityOf(string text)
    {
        foreach (var part in text.Split(';', StringSplitOptions.TrimEntries))
        {
            if (part.StartsWith("q=", StringComparison.Ordinal) && double.TryParse(part.AsSpan(2), System.Globalization.CultureInfo.InvariantCulture, out var quality))
                return quality;
        }
        return 1;
    }

    private static string WithoutQuality(string text) =>
        string.Join(';', text.Split(';').Where(part => !part.TrimStart().StartsWith("q=", StringComparison.Ordinal)));
}

using System.Text.Json;
using System.Text.Unicode;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.WebUtilities;

namespace Campfire.Realtime.Emulator.Rest;

// Reads the body of a POST as its content type says.
internal static class CallBody
{
    private const int MaxJsonDepth = 1000;

    public static (CallArguments? Arguments, RestError? Error) Read(string? contentType, byte[] body)
    {
        var mediaType = contentType is { Length: > 0 } ? MediaType.Parse(contentType).Name : MediaType.Json;
        return mediaType switch
        {
            MediaType.Json => ReadJson(body),
            "application/x-www-form-urlencoded" => (TextArguments.From(ReadForm(body)), null),
            "text/plain" => (new RawArgument("text", body), null),
            "text/xml" => (new RawArgument("xml", body), null),
            "application/octet-stream" => (new RawArgument("bytea", body), null),
            "text/csv" => (null, RestError.NotServed("arguments as text/csv", "Send them as application/json.")),
            _ => (null, RestError.InvalidBody($"Content-Type not acceptable: {contentType}")),
        };
    }

    private static (CallArguments? Arguments, RestError? Error) ReadJson(byte[] body)
    {
        if (body.Length == 0)
            return (new JsonArguments(CallArguments.NoNames, "{}"u8.ToArray(), IsObject: true), null);
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = MaxJsonDepth });
            if (!Utf8.IsValid(body) || !JsonText.IsReadable(document.RootElement))
                return (null, RestError.InvalidBody("Empty or invalid json"));
            return ReadJson(body, document.RootElement);
        }
        catch (JsonException)
        {
            return (null, RestError.InvalidBody("Empty or invalid json"));
        }
    }

    private static (CallArguments? Arguments, RestError? Error) ReadJson(byte[] body, JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Object)
            return (new JsonArguments(KeysOf(root), body, IsObject: true), null);
        // Whatever is neither an object nor an array counts as an empty array.
        if (root.ValueKind != JsonValueKind.Array || root.GetArrayLength() == 0)
            return (new JsonArguments(CallArguments.NoNames, "[]"u8.ToArray(), IsObject: false), null);

        SortedSet<string>? keys = null;
        foreach (var element in root.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Object || (keys is not null && !keys.SetEquals(KeysOf(element))))
                return (null, RestError.InvalidBody("All object keys must match"));
            keys ??= KeysOf(element);
        }
        return (new JsonArguments(keys!, body, IsObject: false), null);
    }

    private static SortedSet<string> KeysOf(JsonElement element) =>
        new(element.EnumerateObject().Select(property => property.Name), StringComparer.Ordinal);

    private static List<KeyValuePair<string, string>> ReadForm(byte[] body)
    {
        var values = new List<KeyValuePair<string, string>>();
        foreach (var pair in new QueryStringEnumerable(System.Text.Encoding.UTF8.GetString(body)))
            values.Add(KeyValuePair.Create(pair.DecodeName().ToString(), pair.DecodeValue().ToString()));
        return values;
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Campfire.Realtime.Emulator.Hosting;

namespace Campfire.Realtime.Emulator.Rest;

// What a function wants of its answer, by the settings response.status and response.headers.
internal sealed record ResponseSettings(int? Status, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    public static bool TryRead(CallResult result, [NotNullWhen(true)] out ResponseSettings? settings, [NotNullWhen(false)] out RestError? error)
    {
        settings = null;
        error = null;
        int? status = null;
        if (result.Status is { } text)
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 200 or > 599)
            {
                error = RestError.InvalidResponseStatus;
                return false;
            }
            status = number;
        }
        if (ReadHeaders(result.HeadersJson) is not { } headers)
        {
            error = RestError.InvalidResponseHeaders;
            return false;
        }
        settings = new ResponseSettings(status, headers);
        return true;
    }

    private static List<KeyValuePair<string, string>>? ReadHeaders(string? json)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (json is null)
            return headers;
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Array)
                return null;
            foreach (var element in document.RootElement.EnumerateArray())
            {
                if (element.ValueKind != JsonValueKind.Object
                    || element.EnumerateObject().ToList() is not [var header]
                    || JsonText.Read(header.Value) is not { } value)
                {
                    return null;
                }
                headers.Add(KeyValuePair.Create(header.Name, value));
            }
            return headers;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

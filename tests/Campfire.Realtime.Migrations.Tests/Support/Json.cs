using System.Text.Json;

namespace Campfire.Realtime.Migrations.Tests.Support;

internal static class Json
{
    public static JsonElement Parse(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    public static string? Text(this JsonElement element, string property) => element.GetProperty(property).ToString();

    public static long Number(this JsonElement element, string property) => element.GetProperty(property).GetInt64();

    public static string[] Keys(this JsonElement element) =>
        [.. element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal)];
}

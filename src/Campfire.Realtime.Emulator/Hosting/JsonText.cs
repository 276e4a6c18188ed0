using System.Text.Json;

namespace Campfire.Realtime.Emulator.Hosting;

// JSON may hold text that is none, such as half of a surrogate pair; reading it throws, long after parsing succeeded.
internal static class JsonText
{
    // Null when the element is no string, or none that can be read.
    public static string? Read(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static bool IsReadable(JsonElement element)
    {
        try
        {
            using var writer = new Utf8JsonWriter(Stream.Null);
            element.WriteTo(writer);
            return true;
        }
        catch (Exception unreadable) when (unreadable is InvalidOperationException or ArgumentException)
        {
            return false;
        }
    }
}

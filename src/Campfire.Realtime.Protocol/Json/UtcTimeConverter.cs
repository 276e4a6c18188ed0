using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Reads and writes times as the database does: UTC with microseconds and <c>Z</c>.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";
    private const int FormattedLength = 27;

    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        // Without an offset the serializer would take the zone of this machine.
        if (reader.TokenType is not JsonTokenType.String || !HasOffset(reader.ValueSpan) || !reader.TryGetDateTimeOffset(out DateTimeOffset time))
            throw new JsonException("A time is ISO 8601 with Z or an offset.");
        return time.ToUniversalTime();
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        Span<byte> utf8 = stackalloc byte[FormattedLength];
        value.UtcDateTime.TryFormat(utf8, out int length, Format, CultureInfo.InvariantCulture);
        writer.WriteStringValue(utf8[..length]);
    }

    private static bool HasOffset(ReadOnlySpan<byte> text) => text is [.., (byte)'Z'] or [.., (byte)'+' or (byte)'-', _, _, (byte)':', _, _];
}

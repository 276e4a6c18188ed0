using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Campfire.Realtime.Server.Http;

/// <summary>Reads a bounded JSON object and says precisely what is wrong with it.</summary>
internal static class JsonBody
{
    /// <exception cref="ProblemException">The body is not what the endpoint takes.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type, int maxBytes, CancellationToken cancellationToken)
        where T : class
    {
        if (!IsJson(request.ContentType))
        {
            throw new ProblemException(
                StatusCodes.Status415UnsupportedMediaType, ProblemCodes.UnsupportedMediaType, "Send the body as Content-Type: application/json in UTF-8.");
        }

        if (request.ContentLength > maxBytes)
            throw TooLarge();

        PipeReader reader = request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (read.Buffer.Length > maxBytes)
                throw TooLarge();
            if (read.IsCompleted)
            {
                T body = Parse(read.Buffer, type);
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    public static ProblemException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, "The body is larger than this server accepts. A message has at most 16,000 characters.");

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Encoding is UTF8Encoding);

    private static T Parse<T>(ReadOnlySequence<byte> bytes, JsonTypeInfo<T> type)
        where T : class
    {
        if (bytes.IsEmpty)
            throw ProblemException.Malformed("The body is empty. Send a JSON object.");

        try
        {
            var reader = new Utf8JsonReader(bytes);
            T? body = JsonSerializer.Deserialize(ref reader, type);
            if (reader.Read())
                throw ProblemException.Malformed("The body holds more than one JSON value.");

            return body ?? throw ProblemException.Malformed("The body is null. Send a JSON object.");
        }
        catch (JsonException e)
        {
            throw ProblemException.Malformed(Explain(e));
        }
    }

    private static string Explain(JsonException e)
    {
        bool isConversion = e.InnerException is not JsonException && e.Path is not null;
        if (!isConversion)
            return $"The body is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}).";

        return e.Path is "$"
            ? "The body is not a JSON object with the fields of this endpoint."
            : $"The field {e.Path![2..]} has another type than this endpoint takes, or cannot be read.";
    }
}

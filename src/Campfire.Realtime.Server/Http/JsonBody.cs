using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
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
            ReadOnlySequence<byte> bytes = read.Buffer;
            try
            {
                if (bytes.Length > maxBytes)
                    throw TooLarge();
                if (read.IsCompleted)
                    return Parse(bytes.IsSingleSegment ? bytes.FirstSpan : bytes.ToArray(), type);
            }
            finally
            {
                // Also after a refusal: Kestrel closes the connection under the next request when a read is left open.
                reader.AdvanceTo(read.IsCompleted ? bytes.End : bytes.Start, bytes.End);
            }
        }
    }

    public static ProblemException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, "The body is larger than this server accepts. A message has at most 16,000 characters.");

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Encoding is UTF8Encoding);

    private static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        if (json.IsEmpty)
            throw ProblemException.Malformed("The body is empty. Send a JSON object.");
        if (!Utf8.IsValid(json))
            throw ProblemException.Malformed("The body is not valid UTF-8.");

        try
        {
            RefuseUnstorableText(json);
            return JsonSerializer.Deserialize(json, type) ?? throw ProblemException.Malformed("The body is null. Send a JSON object.");
        }
        catch (JsonException e)
        {
            throw ProblemException.Malformed(Explain(e));
        }
    }

    // Both are valid JSON, but neither is text that PostgreSQL can hold. Only an escape can bring them in.
    private static void RefuseUnstorableText(ReadOnlySpan<byte> json)
    {
        if (!json.Contains((byte)'\\'))
            return;

        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped)
                continue;

            try
            {
                if (!reader.GetString()!.Contains('\0', StringComparison.Ordinal))
                    continue;
            }
            catch (InvalidOperationException)
            {
                // Half of a surrogate pair.
            }

            throw ProblemException.Invalid("A text in the body contains a NUL character or half of a surrogate pair, which cannot be stored.");
        }
    }

    private static string Explain(JsonException e)
    {
        bool isConversion = e.InnerException is not JsonException && e.Path is not null;
        if (!isConversion)
            return $"The body is not valid JSON, or is nested too deeply (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}).";

        return e.Path is "$"
            ? "The body is not a JSON object with the fields of this endpoint."
            : $"The field {e.Path![2..]} has another type than this endpoint takes, or cannot be read.";
    }
}

using System.Text.Json;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// What PostgREST makes of the errors of a database.
internal static class DatabaseErrors
{
    // With it a function decides on the whole answer: the message holds the body, the detail status and headers.
    private const string WholeAnswer = "PGRST";

    public static RestError From(PostgresException error, bool isAnonymous)
    {
        if (error.SqlState == WholeAnswer)
            return ReadWholeAnswer(error.MessageText, error.Detail);
        var status = StatusOf(error.SqlState, error.MessageText, isAnonymous);
        var challenge = status == StatusCodes.Status401Unauthorized ? "Bearer" : null;
        return new RestError(status, error.SqlState, error.MessageText, error.Detail, error.Hint, challenge);
    }

    // Of a connection that could not be opened.
    public static RestError FromOpening(NpgsqlException failure)
    {
        if (failure.Message.Contains("pool has been exhausted", StringComparison.Ordinal))
            return RestError.PoolExhausted;
        var details = failure switch
        {
            PostgresException refused => $"FATAL:  {refused.MessageText}",
            { InnerException: { } cause } => $"{failure.Message}: {cause.Message}",
            _ => failure.Message,
        };
        return RestError.ConnectionFailed(details);
    }

    // Of a connection that was lost while it was used.
    public static RestError FromUsing(NpgsqlException failure) => RestError.ConnectionLost(failure.Message);

    // https://docs.postgrest.org/en/v14/references/errors.html#http-status-codes
    public static int StatusOf(string state, string message, bool isAnonymous)
    {
        if (state.StartsWith("PT", StringComparison.Ordinal))
            return int.TryParse(state.AsSpan(2), out var custom) && custom is >= 200 and <= 599 ? custom : 500;
        return state switch
        {
            "21000" => message.EndsWith("requires a WHERE clause", StringComparison.Ordinal) ? 400 : 500,
            "22023" => message.StartsWith("role", StringComparison.Ordinal) && message.EndsWith("does not exist", StringComparison.Ordinal) ? 401 : 400,
            "23503" or "23505" => 409,
            "25006" => 405,
            "42501" => isAnonymous ? 401 : 403,
            "42883" => message.StartsWith("function xmlagg(", StringComparison.Ordinal) ? 406 : 404,
            "42P01" => 404,
            "42P17" or "53400" => 500,
            "57P01" => 503,
            "P0001" => 400,
            _ => state[..2] switch
            {
                "08" or "53" => 503,
                "0L" or "0P" or "28" => 403,
                "09" or "25" or "2D" or "38" or "39" or "3B" or "40" or "54" or "55" or "57" or "58" or "F0" or "HV" or "P0" or "XX" => 500,
                _ => 400,
            },
        };
    }

    private static RestError ReadWholeAnswer(string message, string? detail)
    {
        if (Parse(message) is not { } body || StringOf(body, "code") is not { } code || StringOf(body, "message") is not { } text)
        {
            return Unreadable(
                $"Invalid JSON value for MESSAGE: '{message}'",
                "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.");
        }
        const string DetailHint = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";
        if (detail is null)
            return Unreadable("DETAIL is missing in the RAISE statement", DetailHint);
        if (Parse(detail) is not { } answer
            || !answer.TryGetProperty("status", out var given) || given.ValueKind != JsonValueKind.Number || !given.TryGetInt32(out var status)
            || status is < 200 or > 599
            || !answer.TryGetProperty("headers", out var headers) || headers.ValueKind != JsonValueKind.Object)
        {
            return Unreadable($"Invalid JSON value for DETAIL: '{detail}'", DetailHint);
        }
        var error = new RestError(status, code, text, StringOf(body, "details"), StringOf(body, "hint"));
        foreach (var header in headers.EnumerateObject())
            error.Headers[header.Name] = JsonText.Read(header.Value) ?? header.Value.GetRawText();
        return error;
    }

    private static RestError Unreadable(string details, string hint) => new(
        StatusCodes.Status500InternalServerError, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details, hint);

    private static string? StringOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? JsonText.Read(value) : null;

    private static JsonElement? Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

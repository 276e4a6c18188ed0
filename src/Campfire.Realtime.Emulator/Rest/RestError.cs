using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// An answer in PostgREST's shape.
internal sealed record RestError(int Status, string Code, string Message, string? Details = null, string? Hint = null, string? Challenge = null)
{
    public static RestError BodyTooLarge { get; } =
        new(StatusCodes.Status413PayloadTooLarge, "PGRST102", "The request body is larger than the emulator takes");

    public static RestError InvalidBody(string message) => new(StatusCodes.Status400BadRequest, "PGRST102", message);

    public static RestError UndecodableToken(string message) => Unauthorized("PGRST301", message);

    public static RestError RefusedClaims(string message) => Unauthorized("PGRST303", message);

    public static RestError NoFunction(string name, IReadOnlyCollection<string> arguments)
    {
        var list = string.Join(", ", arguments);
        var (called, searched) = arguments.Count switch
        {
            0 => (" without parameters", " without parameters"),
            1 => ($"({list})", $" with parameter {list}"),
            _ => ($"({list})", $" with parameters {list}"),
        };
        return new RestError(
            StatusCodes.Status404NotFound,
            "PGRST202",
            $"Could not find the function public.{name}{called} in the schema cache",
            $"Searched for the function public.{name}{searched} or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.");
    }

    public static RestError AmbiguousFunction(IEnumerable<RestFunction> candidates) => new(
        StatusCodes.Status300MultipleChoices,
        "PGRST203",
        $"Could not choose the best candidate function between: {string.Join(", ", candidates)}",
        Hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved");

    public static RestError FromDatabase(PostgresException error, bool isAnonymous)
    {
        var status = StatusOf(error.SqlState, error.MessageText, isAnonymous);
        return new RestError(
            status, error.SqlState, error.MessageText, error.Detail, error.Hint, status == StatusCodes.Status401Unauthorized ? "Bearer" : null);
    }

    public static RestError DatabaseUnreachable(string cause) => new(
        StatusCodes.Status503ServiceUnavailable, "PGRST001", "Database client error. Retrying the connection.", cause);

    public Task WriteAsync(HttpResponse response)
    {
        response.StatusCode = Status;
        response.Headers["Proxy-Status"] = $"PostgREST; error={Code}";
        if (Challenge is not null)
            response.Headers.WWWAuthenticate = Challenge;
        var body = new JsonObject { ["code"] = Code, ["details"] = Details, ["hint"] = Hint, ["message"] = Message };
        return HttpAnswers.WriteJsonAsync(response, body);
    }

    private static RestError Unauthorized(string code, string message) => new(
        StatusCodes.Status401Unauthorized,
        code,
        message,
        Challenge: $"Bearer error=\"invalid_token\", error_description=\"{message}\"");

    // https://docs.postgrest.org/en/v14/references/errors.html#http-status-codes
    private static int StatusOf(string state, string message, bool isAnonymous)
    {
        if (state.StartsWith("PT", StringComparison.Ordinal))
            return int.TryParse(state.AsSpan(2), out var custom) && custom is >= 200 and <= 599 ? custom : 500;
        return state switch
        {
            "23503" or "23505" => 409,
            "25006" => 405,
            "22023" => message.StartsWith("role", StringComparison.Ordinal) && message.EndsWith("does not exist", StringComparison.Ordinal) ? 401 : 400,
            "42501" => isAnonymous ? 401 : 403,
            "42883" or "42P01" => 404,
            "42P17" or "53400" or "21000" => 500,
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
}

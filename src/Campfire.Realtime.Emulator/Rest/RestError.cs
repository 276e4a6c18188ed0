using System.Globalization;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Emulator.Rest;

// An answer in PostgREST's shape, with the codes and texts of version 14.
internal sealed record RestError(int Status, string Code, string Message, string? Details = null, string? Hint = null, string? Challenge = null)
{
    private const string Schema = "public";

    public static RestError BodyTooLarge { get; } =
        new(StatusCodes.Status413PayloadTooLarge, "PGRST102", "The request body is larger than the emulator takes");

    public static RestError InvalidPath { get; } =
        new(StatusCodes.Status404NotFound, "PGRST125", "Invalid path specified in request URL");

    public static RestError NoSchemaCache { get; } =
        new(StatusCodes.Status503ServiceUnavailable, "PGRST002", "Could not query the database for the schema cache. Retrying.");

    public static RestError PoolExhausted { get; } =
        new(StatusCodes.Status504GatewayTimeout, "PGRST003", "Timed out acquiring connection from connection pool.");

    public static RestError InvalidResponseHeaders { get; } = new(
        StatusCodes.Status500InternalServerError,
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and a string value");

    public static RestError InvalidResponseStatus { get; } =
        new(StatusCodes.Status500InternalServerError, "PGRST112", "response.status guc must be a valid status code");

    public static RestError MaxAffectedNeedsSet { get; } = new(
        StatusCodes.Status400BadRequest,
        "PGRST128",
        "Function must return SETOF or TABLE when max-affected preference is used with handling=strict");

    public Dictionary<string, string> Headers { get; } = [];

    // PostgREST knows it; the emulator does not.
    public static RestError NotServed(string what, string hint) => new(
        StatusCodes.Status501NotImplemented, "PGRST127", "Feature not implemented", $"The Campfire emulator does not serve {what}.", hint);

    public static RestError InvalidBody(string message) => new(StatusCodes.Status400BadRequest, "PGRST102", message);

    public static RestError InvalidMethod(string method) =>
        new(StatusCodes.Status405MethodNotAllowed, "PGRST101", $"Cannot use the {method} method on RPC");

    public static RestError UnparsableFilter(string value)
    {
        var unexpected = value.Length == 0 ? "unexpected end of input" : $"unexpected \"{value[0]}\"";
        return new RestError(
            StatusCodes.Status400BadRequest,
            "PGRST100",
            $"\"failed to parse filter ({value})\" (line 1, column 1)",
            $"{unexpected} expecting \"not\" or operator (eq, gt, ...)");
    }

    public static RestError RangeNotSatisfiable(string details) =>
        new(StatusCodes.Status416RangeNotSatisfiable, "PGRST103", "Requested range not satisfiable", details);

    public static RestError UnknownSchema(string schema) => new(
        StatusCodes.Status406NotAcceptable, "PGRST106", $"Invalid schema: {schema}", Hint: "Only the following schemas are exposed: public, graphql_public");

    public static RestError InvalidPreferences(IEnumerable<string> preferences) => new(
        StatusCodes.Status400BadRequest,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        $"Invalid preferences: {string.Join(", ", preferences)}");

    public static RestError NotSingular(long rows) => new(
        StatusCodes.Status406NotAcceptable,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        string.Create(CultureInfo.InvariantCulture, $"The result contains {rows} rows"));

    public static RestError MaxAffectedExceeded(long rows) => new(
        StatusCodes.Status400BadRequest,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        string.Create(CultureInfo.InvariantCulture, $"The query affects {rows} rows"));

    public static RestError UndecodableToken(string message, string? details = null) => Unauthorized("PGRST301", message, details);

    public static RestError RefusedClaims(string message) => Unauthorized("PGRST303", message, details: null);

    public static RestError NoFunction(string schema, string name, CallArguments arguments, string? hint)
    {
        var list = string.Join(", ", arguments.Names);
        var called = arguments switch
        {
            RawArgument => "",
            { Names.Count: 0 } => " without parameters",
            _ => $"({list})",
        };
        var searched = arguments.Names.Count == 0 ? " without parameters" : $" with parameter{(arguments.Names.Count > 1 ? "s" : "")} {list}";
        searched = arguments switch
        {
            RawArgument raw => $" with a single unnamed {raw.Type} parameter",
            JsonArguments => searched + " or with a single unnamed json/jsonb parameter",
            _ => searched,
        };
        return new RestError(
            StatusCodes.Status404NotFound,
            "PGRST202",
            $"Could not find the function {schema}.{name}{called} in the schema cache",
            $"Searched for the function {schema}.{name}{searched}, but no matches were found in the schema cache.",
            arguments is RawArgument || hint is null ? null : $"Perhaps you meant to call the function {schema}.{hint}");
    }

    public static RestError AmbiguousFunction(IEnumerable<RestFunction> candidates) => new(
        StatusCodes.Status300MultipleChoices,
        "PGRST203",
        $"Could not choose the best candidate function between: {string.Join(", ", candidates)}",
        Hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved");

    public static RestError TablesNotServed(string path) =>
        NotServed($"{Schema} tables and views ({path}), only functions", "Call a function with /rest/v1/rpc/{function}, or use the database itself.");

    public static RestError ConnectionFailed(string details) =>
        new(StatusCodes.Status503ServiceUnavailable, "PGRST000", "Database connection error.", details);

    public static RestError ConnectionLost(string details) => new(
        StatusCodes.Status503ServiceUnavailable, "PGRST001", "Database client error. Retrying the connection.", details);

    public async Task WriteAsync(HttpResponse response)
    {
        response.StatusCode = Status;
        response.Headers["Proxy-Status"] = $"PostgREST; error={Code}";
        if (Challenge is not null)
            response.Headers.WWWAuthenticate = Challenge;
        if (Status == StatusCodes.Status503ServiceUnavailable)
            response.Headers.RetryAfter = "1";
        foreach (var (name, value) in Headers)
            response.Headers[name] = value;
        if (Status is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified)
            return;
        var body = new JsonObject { ["code"] = Code, ["details"] = Details, ["hint"] = Hint, ["message"] = Message };
        await HttpAnswers.WriteJsonAsync(response, body).ConfigureAwait(false);
    }

    private static RestError Unauthorized(string code, string message, string? details) => new(
        StatusCodes.Status401Unauthorized,
        code,
        message,
        details,
        Challenge: $"Bearer error=\"invalid_token\", error_description=\"{message}\"");
}

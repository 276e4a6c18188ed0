using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// /rest/v1/rpc/{function}, in the order in which PostgREST looks at a request: token, method, query, body, function.
internal sealed partial class RpcEndpoint(
    FunctionCaller functions,
    FunctionCatalog catalog,
    RestGateway gateway,
    ApiKeys keys,
    TokenVerifier verifier,
    TimeProvider time,
    ILogger<RpcEndpoint> logger)
{
    private const string Schema = "public";
    private const string GraphQlSchema = "graphql_public";
    private readonly ILogger _logger = logger;

    public async Task CallAsync(HttpContext context)
    {
        if (await gateway.AdmitAsync(context).ConfigureAwait(false) is not { } jwt)
            return;
        var name = (string)context.Request.RouteValues["function"]!;
        var error = await TryCallAsync(context, name, jwt).ConfigureAwait(false);
        if (error is null)
            return;
        if (error.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status504GatewayTimeout)
            NotServed(name, error.Status, error.Code, error.Details);
        await error.WriteAsync(context.Response).ConfigureAwait(false);
    }

    public async Task RefuseTableAsync(HttpContext context)
    {
        if (await gateway.AdmitAsync(context).ConfigureAwait(false) is null)
            return;
        var path = (string?)context.Request.RouteValues["rest"] ?? "";
        var error = path.TrimEnd('/').Contains('/', StringComparison.Ordinal) ? RestError.InvalidPath : RestError.TablesNotServed(path);
        await error.WriteAsync(context.Response).ConfigureAwait(false);
    }

    private async Task<RestError?> TryCallAsync(HttpContext context, string name, string jwt)
    {
        var request = context.Request;
        var (caller, refusal) = RestCaller.Identify(request, jwt, keys, verifier, time);
        if (caller is null)
            return refusal;
        var isRead = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
        if (!isRead && !HttpMethods.IsPost(request.Method))
            return RestError.InvalidMethod(request.Method);
        var schema = request.Headers[isRead ? "Accept-Profile" : "Content-Profile"].ToString() is { Length: > 0 } profile ? profile : Schema;
        if (schema is not (Schema or GraphQlSchema))
            return RestError.UnknownSchema(schema);
        var (query, queryError) = CallQuery.Read(request, hasArguments: isRead);
        if (query is null)
            return queryError;
        var (arguments, bodyError) = isRead ? (TextArguments.From(query.Arguments), null) : await ReadBodyAsync(context).ConfigureAwait(false);
        if (arguments is null)
            return bodyError;

        var (function, unknown) = await FindAsync(schema, name, arguments, context.RequestAborted).ConfigureAwait(false);
        if (function is null)
            return unknown;
        var (mediaType, unacceptable) = MediaType.Negotiate(request.Headers.Accept);
        if (mediaType is null)
            return unacceptable;
        var preferences = Preferences.Read(request.Headers["Prefer"]);
        if (preferences is { IsStrict: true, Invalid.Count: > 0 })
            return RestError.InvalidPreferences(preferences.Invalid);
        if (preferences is { IsStrict: true, MaxAffected: not null } && !function.ReturnsSet)
            return RestError.MaxAffectedNeedsSet;

        var call = new FunctionCall(function, arguments, query.Range, preferences, mediaType, caller, isRead || !function.IsVolatile, HttpMethods.IsHead(request.Method));
        var (result, failure) = await functions.CallAsync(call, request, context.RequestAborted).ConfigureAwait(false);
        return result is null ? failure : await WriteAsync(context.Response, call, result).ConfigureAwait(false);
    }

    private static async Task<(CallArguments? Arguments, RestError? Error)> ReadBodyAsync(HttpContext context) =>
        await RequestBody.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false) is { } body
            ? CallBody.Read(context.Request.ContentType, body)
            : (null, RestError.BodyTooLarge);

    private async Task<(RestFunction? Function, RestError? Error)> FindAsync(
        string schema, string name, CallArguments arguments, CancellationToken cancellationToken)
    {
        if (schema != Schema)
            return (null, RestError.NoFunction(schema, name, arguments, hint: null));
        try
        {
            var candidates = await catalog.FindAsync(name, arguments, cancellationToken).ConfigureAwait(false);
            return candidates switch
            {
                [var function] => (function, null),
                [] => (null, RestError.NoFunction(schema, name, arguments, catalog.FindSimilar(name, arguments))),
                _ => (null, RestError.AmbiguousFunction(candidates)),
            };
        }
        catch (NpgsqlException)
        {
            return (null, RestError.NoSchemaCache);
        }
    }

    private static async Task<RestError?> WriteAsync(HttpResponse response, FunctionCall call, CallResult result)
    {
        var status = call.Function.ReturnsVoid
            ? StatusCodes.Status204NoContent
            : result.Total is { } total && result.Rows < total ? StatusCodes.Status206PartialContent : StatusCodes.Status200OK;
        if (!ResponseSettings.TryRead(result, out var settings, out var error))
            return error;

        response.StatusCode = settings.Status ?? status;
        response.Headers.ContentRange = call.Range.ContentRange(result.Rows, result.Total);
        if (call.Preferences.Applied is { } applied)
            response.Headers["Preference-Applied"] = applied;
        if (!call.Function.ReturnsVoid)
        {
            response.ContentType = call.ResultType.ContentType;
            response.Headers["Content-Profile"] = Schema;
        }
        foreach (var (name, value) in settings.Headers)
            response.Headers[name] = value;
        if (result.Json is not { } json || response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified)
            return null;
        response.ContentLength = json.Length;
        await response.Body.WriteAsync(json).ConfigureAwait(false);
        return null;
    }

    [LoggerMessage(3050, LogLevel.Warning, "A call of {Function} was answered {Status} {Code}, because the database was not to be had: {Reason}")]
    private partial void NotServed(string function, int status, string code, string? reason);
}

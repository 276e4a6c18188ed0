using System.Net.Mime;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Hosting;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

internal sealed class RpcEndpoint(NpgsqlDataSource database, FunctionCatalog catalog, ApiKeys keys, TokenVerifier verifier)
{
    private const string SessionSql = """
        select set_config('search_path', '"public", "extensions"', true),
               set_config('request.jwt.claims', $1, true),
               set_config('request.method', $2, true),
               set_config('request.path', $3, true),
               set_config('request.headers', $4, true),
               set_config('role', $5, true)
        """;

    public async Task CallAsync(HttpContext context)
    {
        if (await IdentifyAsync(context).ConfigureAwait(false) is not { } caller)
            return;
        var name = (string)context.Request.RouteValues["function"]!;
        var (body, arguments) = await ReadArgumentsAsync(context).ConfigureAwait(false);
        if (body is null)
            return;

        try
        {
            var functions = await catalog.FindAsync(name, arguments, context.RequestAborted).ConfigureAwait(false);
            var error = functions.Count switch
            {
                0 => RestError.NoFunction(name, arguments),
                1 => null,
                _ => RestError.AmbiguousFunction(functions),
            };
            if (error is not null)
                await error.WriteAsync(context.Response).ConfigureAwait(false);
            else
                await CallAsync(context, caller, functions[0], body, arguments).ConfigureAwait(false);
        }
        catch (PostgresException refused)
        {
            await RestError.FromDatabase(refused, caller.IsAnonymous).WriteAsync(context.Response).ConfigureAwait(false);
        }
        catch (NpgsqlException unreachable)
        {
            await RestError.DatabaseUnreachable(unreachable.Message).WriteAsync(context.Response).ConfigureAwait(false);
        }
    }

    public static Task RefuseTableAsync(HttpContext context) => new RestError(
        StatusCodes.Status501NotImplemented,
        "PGRST127",
        "Feature not implemented",
        "The Campfire emulator serves POST /rest/v1/rpc/{function} only, not tables and not other methods.",
        "Call a function of schema public, or use the database itself.").WriteAsync(context.Response);

    private async Task<RestCaller?> IdentifyAsync(HttpContext context)
    {
        var request = context.Request;
        var key = request.Headers["apikey"].ToString() is { Length: > 0 } header ? header : request.Query["apikey"].ToString();
        if (keys.ToJwt(key) is not { } jwt)
        {
            var (message, hint) = key.Length == 0
                ? ("No API key found in request", "No `apikey` request header or url param was found.")
                : ("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.");
            var body = new JsonObject { ["message"] = message, ["hint"] = hint };
            await HttpAnswers.WriteJsonAsync(context.Response, StatusCodes.Status401Unauthorized, body).ConfigureAwait(false);
            return null;
        }
        var (caller, error) = RestCaller.Identify(request, jwt, keys, verifier);
        if (error is not null)
            await error.WriteAsync(context.Response).ConfigureAwait(false);
        return caller;
    }

    private static async Task<(byte[]? Body, IReadOnlySet<string> Arguments)> ReadArgumentsAsync(HttpContext context)
    {
        var (body, arguments, error) = await TryReadArgumentsAsync(context).ConfigureAwait(false);
        if (error is not null)
            await error.WriteAsync(context.Response).ConfigureAwait(false);
        return (body, arguments);
    }

    private static async Task<(byte[]? Body, IReadOnlySet<string> Arguments, RestError? Error)> TryReadArgumentsAsync(HttpContext context)
    {
        var arguments = new SortedSet<string>(StringComparer.Ordinal);
        var request = context.Request;
        if (request.ContentType is { Length: > 0 } type && !type.StartsWith(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
            return (null, arguments, RestError.InvalidBody($"Content-Type not acceptable: {type}"));

        if (await RequestBody.ReadAsync(request, context.RequestAborted).ConfigureAwait(false) is not { } body)
            return (null, arguments, RestError.BodyTooLarge);
        if (body.Length == 0)
            return ("{}"u8.ToArray(), arguments, null);

        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object && JsonText.IsReadable(document.RootElement))
            {
                foreach (var property in document.RootElement.EnumerateObject())
                    arguments.Add(property.Name);
                return (body, arguments, null);
            }
        }
        catch (JsonException)
        {
            return (null, arguments, RestError.InvalidBody("Empty or invalid json"));
        }
        return (null, arguments, RestError.InvalidBody("The arguments of a function are one JSON object of well-formed text"));
    }

    private async Task CallAsync(HttpContext context, RestCaller caller, RestFunction function, byte[] body, IReadOnlySet<string> arguments)
    {
        var connection = await database.OpenConnectionAsync(context.RequestAborted).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var transaction = await connection.BeginTransactionAsync(context.RequestAborted).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var result = await ExecuteAsync(connection, transaction, context.Request, caller, function, body, arguments, context.RequestAborted)
                    .ConfigureAwait(false);
                await transaction.CommitAsync(context.RequestAborted).ConfigureAwait(false);
                await WriteResultAsync(context.Response, function, result).ConfigureAwait(false);
            }
        }
    }

    private static async Task<byte[]?> ExecuteAsync(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        HttpRequest request,
        RestCaller caller,
        RestFunction function,
        byte[] body,
        IReadOnlySet<string> arguments,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        await using (batch.ConfigureAwait(false))
        {
            batch.BatchCommands.Add(Session(request, caller));
            var call = new NpgsqlBatchCommand(function.CallWith(arguments));
            if (arguments.Count > 0)
                call.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Encoding.UTF8.GetString(body) });
            batch.BatchCommands.Add(call);

            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var hasRow = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                return hasRow && !reader.IsDBNull(0) ? reader.GetFieldValue<byte[]>(0) : null;
            }
        }
    }

    private static NpgsqlBatchCommand Session(HttpRequest request, RestCaller caller)
    {
        var headers = new JsonObject();
        foreach (var (name, values) in request.Headers)
        {
            if (!name.Equals("Authorization", StringComparison.OrdinalIgnoreCase) && !name.Equals("apikey", StringComparison.OrdinalIgnoreCase))
                headers[name.ToLowerInvariant()] = values.ToString();
        }
        var command = new NpgsqlBatchCommand(SessionSql);
        foreach (var value in (string[])[caller.ClaimsJson, request.Method, request.Path.Value ?? "", headers.ToJsonString(), caller.Role])
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value });
        return command;
    }

    private static async Task WriteResultAsync(HttpResponse response, RestFunction function, byte[]? result)
    {
        if (function.ReturnsVoid)
        {
            response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        result ??= "null"u8.ToArray();
        response.ContentType = HttpAnswers.Json;
        response.ContentLength = result.Length;
        await response.Body.WriteAsync(result).ConfigureAwait(false);
    }
}

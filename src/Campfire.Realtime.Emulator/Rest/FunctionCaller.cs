using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

internal sealed record FunctionCall(
    RestFunction Function,
    CallArguments Arguments,
    RowRange Range,
    Preferences Preferences,
    MediaType ResultType,
    RestCaller Caller,
    bool IsReadOnly,
    bool IsHead);

// Total is null unless it was asked for, Json when there is no body.
internal sealed record CallResult(long? Total, long Rows, byte[]? Json, string? HeadersJson, string? Status);

// Runs a function as its caller, with his claims, in one transaction.
internal sealed class FunctionCaller(NpgsqlDataSource database)
{
    private const string SessionSql = """
        select set_config('search_path', '"public", "extensions"', true),
               set_config('request.jwt.claims', $1, true),
               set_config('request.method', $2, true),
               set_config('request.path', $3, true),
               set_config('request.headers', $4, true),
               set_config('request.cookies', $5, true),
               set_config('timezone', coalesce($6, current_setting('timezone')), true),
               set_config('role', $7, true)
        """;

    public async Task<(CallResult? Result, RestError? Error)> CallAsync(FunctionCall call, HttpRequest request, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection;
        try
        {
            connection = await database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException failure)
        {
            return (null, DatabaseErrors.FromOpening(failure));
        }

        await using (connection.ConfigureAwait(false))
        {
            try
            {
                return await CallAsync(connection, call, request, cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException refused)
            {
                return (null, DatabaseErrors.From(refused, call.Caller.IsAnonymous));
            }
            catch (NpgsqlException lost)
            {
                return (null, DatabaseErrors.FromUsing(lost));
            }
        }
    }

    private static async Task<(CallResult? Result, RestError? Error)> CallAsync(
        NpgsqlConnection connection, FunctionCall call, HttpRequest request, CancellationToken cancellationToken)
    {
        // Disposing a transaction that was not committed rolls it back.
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var result = await ExecuteAsync(connection, transaction, call, request, cancellationToken).ConfigureAwait(false);
            if (Objection(call, result) is { } error)
                return (null, error);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            // PostgREST finds out only now, when the call's effects are there to stay.
            return result.Total is { } total && call.Range.Offset > total
                ? (null, RestError.RangeNotSatisfiable(string.Create(
                    CultureInfo.InvariantCulture, $"An offset of {call.Range.Offset} was requested, but there are only {total} rows.")))
                : (result, null);
        }
    }

    private static RestError? Objection(FunctionCall call, CallResult result)
    {
        if (call.ResultType.IsSingleObject && result.Rows != 1)
            return RestError.NotSingular(result.Rows);
        return call.Preferences is { IsStrict: true, MaxAffected: { } limit } && result.Rows > limit
            ? RestError.MaxAffectedExceeded(result.Rows)
            : null;
    }

    private static async Task<CallResult> ExecuteAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, FunctionCall call, HttpRequest request, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        await using (batch.ConfigureAwait(false))
        {
            if (call.IsReadOnly)
                batch.BatchCommands.Add(new NpgsqlBatchCommand("set transaction read only"));
            batch.BatchCommands.Add(Session(request, call));
            batch.BatchCommands.Add(CallStatement.Create(
                call.Function, call.Arguments, call.Range, call.Preferences.WantsTotal, call.IsHead ? null : call.ResultType));

            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                // The first result is that of the session's settings.
                await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                return new CallResult(
                    reader.IsDBNull(0) ? null : reader.GetInt64(0),
                    reader.GetInt64(1),
                    reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2),
                    reader.IsDBNull(3) ? null : reader.GetString(3),
                    reader.IsDBNull(4) ? null : reader.GetString(4));
            }
        }
    }

    private static NpgsqlBatchCommand Session(HttpRequest request, FunctionCall call)
    {
        var headers = new JsonObject();
        foreach (var (name, values) in request.Headers)
        {
            if (!name.Equals("cookie", StringComparison.OrdinalIgnoreCase))
                headers[name.ToLowerInvariant()] = values.ToString();
        }
        var cookies = new JsonObject();
        foreach (var (name, value) in request.Cookies)
            cookies[name] = value;
        var path = "/rpc/" + call.Function.Name;
        var command = new NpgsqlBatchCommand(SessionSql);
        string?[] settings =
            [call.Caller.ClaimsJson, request.Method, path, headers.ToJsonString(), cookies.ToJsonString(), call.Preferences.TimeZone, call.Caller.Role];
        foreach (var value in settings)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        return command;
    }
}

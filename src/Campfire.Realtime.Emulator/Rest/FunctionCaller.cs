using System.Data;
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
internal sealed class FunctionCaller(NpgsqlDataSource database, RoleSettings roles)
{
    private const string SessionSql = "select set_config(name, value, true) from unnest($1, $2) as setting(name, value)";

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

    private async Task<(CallResult? Result, RestError? Error)> CallAsync(
        NpgsqlConnection connection, FunctionCall call, HttpRequest request, CancellationToken cancellationToken)
    {
        var role = await roles.OfAsync(call.Caller.Role, connection, cancellationToken).ConfigureAwait(false);
        var isolation = call.Function.Settings.Isolation ?? role.Isolation ?? IsolationLevel.ReadCommitted;
        // Disposing a transaction that was not committed rolls it back.
        var transaction = await connection.BeginTransactionAsync(isolation, cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var result = await ExecuteAsync(connection, transaction, call, role, request, cancellationToken).ConfigureAwait(false);
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
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        FunctionCall call,
        TransactionSettings role,
        HttpRequest request,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        await using (batch.ConfigureAwait(false))
        {
            if (call.IsReadOnly)
                batch.BatchCommands.Add(new NpgsqlBatchCommand("set transaction read only"));
            batch.BatchCommands.Add(Session(request, call, role));
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

    private static NpgsqlBatchCommand Session(HttpRequest request, FunctionCall call, TransactionSettings role)
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
        // In PostgREST's order, which is a matter of rights before the role and of precedence otherwise.
        List<KeyValuePair<string, string>> settings =
        [
            new("search_path", "\"public\", \"extensions\""),
            .. role.Values,
            new("role", call.Caller.Role),
            new("request.jwt.claims", call.Caller.ClaimsJson),
            new("request.method", request.Method),
            new("request.path", "/rpc/" + call.Function.Name),
            new("request.headers", headers.ToJsonString()),
            new("request.cookies", cookies.ToJsonString()),
        ];
        if (call.Preferences.TimeZone is { } timeZone)
            settings.Add(new("timezone", timeZone));
        settings.AddRange(call.Function.Settings.Values);
        return new NpgsqlBatchCommand(SessionSql)
        {
            Parameters =
            {
                new NpgsqlParameter<string[]> { TypedValue = [.. settings.Select(setting => setting.Key)] },
                new NpgsqlParameter<string[]> { TypedValue = [.. settings.Select(setting => setting.Value)] },
            },
        };
    }
}

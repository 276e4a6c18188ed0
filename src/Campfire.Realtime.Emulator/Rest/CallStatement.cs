using System.Globalization;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Campfire.Realtime.Emulator.Rest;

// The one statement that calls a function and shapes its result. Values are parameters of no type, or unpacked by
// json_to_record, so that PostgreSQL converts every argument and words its own complaints.
internal sealed class CallStatement
{
    private readonly NpgsqlBatchCommand _command = new();

    private CallStatement()
    {
    }

    public static NpgsqlBatchCommand Create(
        RestFunction function, CallArguments arguments, RowRange range, bool wantsTotal, MediaType? resultType)
    {
        var statement = new CallStatement();
        var columns = function.ReturnsScalars ? "pgrst_call.pgrst_scalar" : "pgrst_call.*";
        var (offset, limit) = (range.Offset.ToString(CultureInfo.InvariantCulture), range.Limit?.ToString(CultureInfo.InvariantCulture) ?? "all");
        var rows = function.ReturnsSet ? "count(_postgrest_t)" : "1::bigint";
        var total = !wantsTotal ? "null::bigint" : range == RowRange.All ? rows : "(select count(*) from pgrst_source)";
        statement._command.CommandText = $"""
            with pgrst_source as (select {columns} from {statement.Call(function, arguments)})
            select {total}, {rows}, {Body(function, resultType)},
                   nullif(current_setting('response.headers', true), ''),
                   nullif(current_setting('response.status', true), '')
            from (select * from pgrst_source limit {limit} offset {offset}) _postgrest_t
            """;
        return statement._command;
    }

    private static string Body(RestFunction function, MediaType? type)
    {
        // Nothing is asked for with HEAD, and there is nothing to be had from void.
        if (type is null || function.ReturnsVoid)
            return "null::text";
        var rows = $"json_agg({(function.Returns == ReturnShape.Scalar || (function.ReturnsScalars && !type.IsSingleObject) ? "_postgrest_t.pgrst_scalar" : "_postgrest_t")})";
        var isArray = function.ReturnsSet && !type.IsSingleObject;
        var json = isArray ? rows : rows + " -> 0";
        if (type.StripsNulls)
            json = $"json_strip_nulls({json})";
        return $"coalesce(({json})::text, '{(isArray ? "[]" : "null")}')";
    }

    private string Call(RestFunction function, CallArguments arguments)
    {
        if (function.HasUnnamedParameter)
            return Invoke(function, Whole(function.Parameters[0].Type, arguments));
        var passed = function.Parameters.Where(parameter => arguments.Names.Contains(parameter.Name)).ToList();
        return (passed, arguments) switch
        {
            ([], _) => Invoke(function, ""),
            (_, JsonArguments json) =>
                $"{Unpacked(json, passed)}, lateral {Invoke(function, List(passed, parameter => "pgrst_body." + Quote(parameter.Name)))}",
            (_, TextArguments text) => Invoke(function, List(passed, parameter => Text(parameter, text))),
            _ => throw new InvalidOperationException($"{arguments.GetType().Name} names no parameter."),
        };
    }

    private static string Invoke(RestFunction function, string arguments)
    {
        var call = $"public.{Quote(function.Name)}({arguments})";
        return function.ReturnsScalars ? $"(select {call} as pgrst_scalar) pgrst_call" : $"{call} pgrst_call";
    }

    private static string List(List<RestParameter> passed, Func<RestParameter, string> value) => string.Join(
        ", ", passed.Select(parameter => $"{(parameter.IsVariadic ? "variadic " : "")}{Quote(parameter.Name)} := {value(parameter)}"));

    private string Unpacked(JsonArguments json, List<RestParameter> passed)
    {
        var columns = string.Join(", ", passed.Select(parameter => $"{Quote(parameter.Name)} {parameter.CastType}"));
        var rows = json.IsObject ? "json_to_record" : "json_to_recordset";
        return $"(select * from {rows}({Parameter(Encoding.UTF8.GetString(json.Json))}::json) as _({columns}) limit 1) pgrst_body";
    }

    private string Text(RestParameter parameter, TextArguments arguments)
    {
        var values = arguments.Values.Where(value => value.Key == parameter.Name).Select(value => value.Value).ToArray();
        if (!parameter.IsVariadic)
            return $"{Parameter(values[^1])}::{parameter.CastType}";
        _command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = values });
        return $"${_command.Parameters.Count}::{parameter.CastType}";
    }

    private string Whole(string type, CallArguments arguments)
    {
        if (arguments is JsonArguments json)
            return $"{Parameter(Encoding.UTF8.GetString(json.Json))}::{type}";
        _command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = ((RawArgument)arguments).Body });
        var bytes = $"${_command.Parameters.Count}";
        // Text that is no UTF-8 is PostgreSQL's to refuse.
        return type == "bytea" ? bytes : $"convert_from({bytes}, 'UTF8')::{type}";
    }

    private string Parameter(string value)
    {
        _command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Unknown });
        return $"${_command.Parameters.Count}";
    }

    private static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

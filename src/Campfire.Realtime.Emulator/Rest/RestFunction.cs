using System.Text;

namespace Campfire.Realtime.Emulator.Rest;

internal sealed record RestParameter(string Name, string Type, bool IsRequired);

internal sealed record RestFunction(string Name, IReadOnlyList<RestParameter> Parameters, bool ReturnsSet, bool ReturnsVoid)
{
    public bool Accepts(IReadOnlySet<string> arguments) =>
        Parameters.All(parameter => !parameter.IsRequired || arguments.Contains(parameter.Name))
        && arguments.All(argument => Parameters.Any(parameter => parameter.Name == argument));

    // The body is unpacked by json_to_record, so that PostgreSQL converts every argument and words its own complaints.
    public string CallWith(IReadOnlySet<string> arguments)
    {
        var passed = Parameters.Where(parameter => arguments.Contains(parameter.Name)).ToList();
        var sql = new StringBuilder("select ");
        sql.Append(ReturnsVoid ? "null::text" : ReturnsSet ? "coalesce(json_agg(result), '[]')::text" : "to_json(result)::text");
        sql.Append(" from ");
        if (passed.Count > 0)
        {
            sql.Append("json_to_record($1::json) as argument (");
            sql.AppendJoin(", ", passed.Select(parameter => $"{Quote(parameter.Name)} {parameter.Type}"));
            sql.Append("), lateral ");
        }
        sql.Append("public.").Append(Quote(Name)).Append('(');
        sql.AppendJoin(", ", passed.Select(parameter => $"{Quote(parameter.Name)} => argument.{Quote(parameter.Name)}"));
        return sql.Append(") as result").ToString();
    }

    public override string ToString() =>
        $"public.{Name}({string.Join(", ", Parameters.Select(parameter => $"{parameter.Name} => {parameter.Type}"))})";

    private static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// PostgREST's schema cache, as far as functions go. It is read on the first call and, because people migrate while
// the emulator runs, once more before a function is called unknown.
internal sealed class FunctionCatalog(NpgsqlDataSource database) : IDisposable
{
    private const string Sql = """
        with recursive base_types as (
            select t.oid, t.oid as base, t.typbasetype as next from pg_catalog.pg_type t
            union all
            select b.oid, t.oid, t.typbasetype from base_types b join pg_catalog.pg_type t on t.oid = b.next
        )
        select p.proname::text,
               coalesce(array(select coalesce(p.proargnames[a.position], '')
                              from generate_series(1, cardinality(coalesce(p.proallargtypes, p.proargtypes::oid[]))) as a(position)
                              where p.proargmodes is null or p.proargmodes[a.position] in ('i', 'b', 'v')
                              order by a.position), '{}')::text[],
               array(select pg_catalog.format_type(t.type, null)
                     from unnest(p.proargtypes::oid[]) with ordinality as t(type, position) order by t.position)::text[],
               p.pronargdefaults::int,
               p.proretset,
               result.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false),
               p.prorettype = 'pg_catalog.void'::pg_catalog.regtype,
               p.provolatile = 'v',
               p.provariadic <> 0,
               array(select setting from unnest(p.proconfig) as setting
                     where split_part(setting, '=', 1) in ('statement_timeout', 'default_transaction_isolation'))
        from pg_catalog.pg_proc p
        join base_types on base_types.oid = p.prorettype and base_types.next = 0
        join pg_catalog.pg_type result on result.oid = base_types.base
        where p.pronamespace = 'public'::pg_catalog.regnamespace and p.prokind = 'f'
          and p.prorettype <> all (array['pg_catalog.trigger', 'pg_catalog.event_trigger']::pg_catalog.regtype[])
          and p.provariadic <> 'pg_catalog."any"'::pg_catalog.regtype
        """;

    private static readonly string[] _unnamedTypes = ["bytea", "json", "jsonb", "text", "xml"];

    private readonly SemaphoreSlim _loading = new(1, 1);
    private volatile ILookup<string, RestFunction>? _functions;
    private volatile bool _isStale;

    public void Dispose() => _loading.Dispose();

    public void Forget() => _isStale = true;

    // The functions that take these arguments; none for the hint's sake alone.
    public async Task<IReadOnlyList<RestFunction>> FindAsync(string name, CallArguments arguments, CancellationToken cancellationToken)
    {
        var known = _functions;
        if (known is not null && !_isStale && Matching(known, name, arguments) is { Count: > 0 } matching)
            return matching;
        var current = await LoadAsync(known, cancellationToken).ConfigureAwait(false);
        return Matching(current, name, arguments);
    }

    // What the caller may have meant, in the words of a hint.
    public string? FindSimilar(string name, CallArguments arguments)
    {
        if (_functions is not { } functions)
            return null;
        if (!functions.Contains(name))
            return SimilarNames.Find(functions.Select(function => function.Key), name, minScore: 0.75);
        var lists = functions[name].Select(function => ListOf(function.Parameters.Select(parameter => parameter.Name)));
        return SimilarNames.Find(lists, ListOf(arguments.Names), minScore: 0.33) is { } list ? name + list : null;
    }

    private static string ListOf(IEnumerable<string> names) => $"({string.Join(", ", names.Order(StringComparer.Ordinal))})";

    private static List<RestFunction> Matching(ILookup<string, RestFunction> functions, string name, CallArguments arguments)
    {
        var byName = functions[name].Where(function => function.Accepts(arguments)).ToList();
        return byName.Count > 0 ? byName : [.. functions[name].Where(function => function.AcceptsBody(arguments))];
    }

    private async Task<ILookup<string, RestFunction>> LoadAsync(ILookup<string, RestFunction>? known, CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_functions is { } loaded && loaded != known && !_isStale)
                return loaded;
            _isStale = false;
            return _functions = await ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException) when (known is not null)
        {
            // Like PostgREST's, the cache outlives the database; the call itself will meet the failure.
            _isStale = true;
            return known;
        }
        finally
        {
            _loading.Release();
        }
    }

    private async Task<ILookup<string, RestFunction>> ReadAsync(CancellationToken cancellationToken)
    {
        var functions = new List<RestFunction>();
        var command = database.CreateCommand(Sql);
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    functions.Add(Read(reader));
            }
        }
        return functions.Where(IsCallable)
            .OrderBy(function => function.Parameters.Count).ThenBy(function => function.ToString(), StringComparer.Ordinal)
            .ToLookup(function => function.Name, StringComparer.Ordinal);
    }

    private static RestFunction Read(NpgsqlDataReader reader)
    {
        var names = reader.GetFieldValue<string[]>(1);
        var types = reader.GetFieldValue<string[]>(2);
        var required = types.Length - reader.GetInt32(3);
        var isVariadic = reader.GetBoolean(8);
        var parameters = types.Select((type, index) => new RestParameter(
            names[index], type, CastTypeOf(type), index < required, isVariadic && index == types.Length - 1)).ToList();
        var shape = (reader.GetBoolean(4), reader.GetBoolean(5)) switch
        {
            (false, false) => ReturnShape.Scalar,
            (false, true) => ReturnShape.Composite,
            (true, false) => ReturnShape.SetOfScalars,
            (true, true) => ReturnShape.SetOfComposites,
        };
        return new RestFunction(
            reader.GetString(0), parameters, shape, reader.GetBoolean(6), reader.GetBoolean(7), TransactionSettings.Read(reader.GetFieldValue<string[]>(9)));
    }

    // Parameters cannot be passed by name when they have none.
    private static bool IsCallable(RestFunction function) => function.Parameters.Count(parameter => parameter.Name.Length == 0) switch
    {
        0 => true,
        1 => function.Parameters.Any(parameter => parameter.Name.Length == 0 && _unnamedTypes.Contains(parameter.Type)),
        _ => false,
    };

    // Types without a length cut to one character.
    private static string CastTypeOf(string type) => type switch
    {
        "bit" => "bit varying",
        "bit[]" => "bit varying[]",
        "character" => "character varying",
        "character[]" => "character varying[]",
        _ => type,
    };
}

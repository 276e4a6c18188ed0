using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// PostgREST's schema cache, as far as functions go. It is read on the first call and, because people migrate while
// the emulator runs, once more before a function is called unknown.
internal sealed class FunctionCatalog(NpgsqlDataSource database) : IDisposable
{
    private const string Sql = """
        select p.proname::text,
               coalesce(array(select coalesce(p.proargnames[a.position], '')
                              from generate_series(1, cardinality(coalesce(p.proallargtypes, p.proargtypes::oid[]))) as a(position)
                              where p.proargmodes is null or p.proargmodes[a.position] in ('i', 'b', 'v')
                              order by a.position), '{}')::text[],
               array(select pg_catalog.format_type(t.type, null)
                     from unnest(p.proargtypes::oid[]) with ordinality as t(type, position) order by t.position)::text[],
               p.pronargdefaults::int,
               p.proretset,
               p.prorettype = 'pg_catalog.void'::pg_catalog.regtype
        from pg_catalog.pg_proc p
        where p.pronamespace = 'public'::pg_catalog.regnamespace and p.prokind = 'f'
          and p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
        """;

    private readonly SemaphoreSlim _loading = new(1, 1);
    private volatile ILookup<string, RestFunction>? _functions;

    public void Dispose() => _loading.Dispose();

    public void Forget() => _functions = null;

    public async Task<IReadOnlyList<RestFunction>> FindAsync(string name, IReadOnlySet<string> arguments, CancellationToken cancellationToken)
    {
        var known = _functions;
        if (known is not null && Matching(known, name, arguments) is { Count: > 0 } matching)
            return matching;
        var current = await LoadAsync(stale: known, cancellationToken).ConfigureAwait(false);
        return Matching(current, name, arguments);
    }

    private static List<RestFunction> Matching(ILookup<string, RestFunction> functions, string name, IReadOnlySet<string> arguments) =>
        [.. functions[name].Where(function => function.Accepts(arguments))];

    private async Task<ILookup<string, RestFunction>> LoadAsync(ILookup<string, RestFunction>? stale, CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_functions is { } loaded && loaded != stale)
                return loaded;
            var read = await ReadAsync(cancellationToken).ConfigureAwait(false);
            _functions = read;
            return read;
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
        return functions.ToLookup(function => function.Name, StringComparer.Ordinal);
    }

    private static RestFunction Read(NpgsqlDataReader reader)
    {
        var names = reader.GetFieldValue<string[]>(1);
        var types = reader.GetFieldValue<string[]>(2);
        var required = types.Length - reader.GetInt32(3);
        var parameters = types.Select((type, index) => new RestParameter(names[index], type, index < required)).ToList();
        return new RestFunction(reader.GetString(0), parameters, reader.GetBoolean(4), reader.GetBoolean(5));
    }
}

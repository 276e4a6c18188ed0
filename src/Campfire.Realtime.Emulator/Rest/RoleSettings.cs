using Npgsql;

namespace Campfire.Realtime.Emulator.Rest;

// What `alter role … set` says of the roles that callers have. PostgreSQL applies it to a role that logs in, PostgREST to the
// one that it becomes; like PostgREST's, this memory lasts until a reload is announced.
internal sealed class RoleSettings
{
    private const string Sql = """
        select role.rolname::text, array_agg(given.setting)
        from pg_catalog.pg_auth_members membership
        join pg_catalog.pg_roles role on role.oid = membership.roleid
        cross join unnest(role.rolconfig) as given(setting)
        join pg_catalog.pg_settings known on known.name = split_part(given.setting, '=', 1)
        where membership.member = pg_catalog.quote_ident(current_user)::regrole
          and (known.context = 'user' or pg_catalog.has_parameter_privilege(known.name, 'set'))
        group by role.rolname
        """;

    private volatile Dictionary<string, TransactionSettings>? _roles;
    private volatile int _version;

    public void Forget()
    {
        Interlocked.Increment(ref _version);
        _roles = null;
    }

    public async Task<TransactionSettings> OfAsync(string role, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var version = _version;
        if (_roles is not { } roles)
        {
            roles = await ReadAsync(connection, cancellationToken).ConfigureAwait(false);
            // What was announced meanwhile is not in it.
            if (version == _version)
                _roles = roles;
        }
        return roles.GetValueOrDefault(role, TransactionSettings.None);
    }

    private static async Task<Dictionary<string, TransactionSettings>> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var roles = new Dictionary<string, TransactionSettings>(StringComparer.Ordinal);
        var command = new NpgsqlCommand(Sql, connection);
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    roles.Add(reader.GetString(0), TransactionSettings.Read(reader.GetFieldValue<string[]>(1)));
            }
        }
        return roles;
    }
}

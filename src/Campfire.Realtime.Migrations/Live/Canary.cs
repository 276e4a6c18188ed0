using Campfire.Realtime.Migrations.Examining;
using Campfire.Realtime.Migrations.Running;
using Npgsql;

namespace Campfire.Realtime.Migrations.Live;

// Two organizations that exist as long as the examination: its own, and one that has no business there.
internal sealed class Canary(Func<NpgsqlConnection> createConnection, TimeSpan timeout)
{
    private const string Insert = """
        with organization as (
            insert into public.organizations (id{0})
            select chosen.id{1} from unnest($1::uuid[]) as chosen (id) returning id),
        member as (
            insert into public.organization_members (organization_id, user_id, role, display_name)
            select organization_id, user_id, 'agent', 'Campfire doctor' from organization
            join unnest($1::uuid[], $2::uuid[]) as chosen (organization_id, user_id) on organization_id = organization.id)
        insert into public.conversations (id, organization_id, visitor_id, customer_name)
        select chosen.id, organization_id, visitor_id, 'Campfire doctor' from organization
        join unnest($1::uuid[], $3::uuid[], $4::uuid[]) as chosen (organization_id, visitor_id, id) on organization_id = organization.id
        """;

    // The table may be the application's, with another idea of an organization.
    private const string HasName = """
        select exists (
            select from pg_attribute
            where attrelid = 'public.organizations'::regclass and attname = 'name' and not attisdropped)
        """;

    private readonly CanaryTenant[] _tenants = [CanaryTenant.Create(), CanaryTenant.Create()];
    private bool _mayExist;

    public CanaryTenant Own => _tenants[0];

    public CanaryTenant Strange => _tenants[1];

    // Also what somebody runs by hand when it could not be run here.
    public string Removal
    {
        get
        {
            string organizations = string.Join(", ", _tenants.Select(tenant => $"'{tenant.OrganizationId}'"));
            return $"delete from public.conversations where organization_id in ({organizations}); " +
                $"delete from public.organization_members where organization_id in ({organizations}); " +
                $"delete from public.organizations where id in ({organizations})";
        }
    }

    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = createConnection();
        await using (connection.ConfigureAwait(false))
        {
            await OpenAsync(connection, cancellationToken).ConfigureAwait(false);
            try
            {
                NpgsqlCommand command = CreateCommand(connection, await FormatInsertAsync(connection, cancellationToken).ConfigureAwait(false));
                await using (command.ConfigureAwait(false))
                {
                    command.Parameters.Add(new() { Value = _tenants.Select(tenant => tenant.OrganizationId).ToArray() });
                    command.Parameters.Add(new() { Value = _tenants.Select(tenant => tenant.AgentId).ToArray() });
                    command.Parameters.Add(new() { Value = _tenants.Select(tenant => tenant.VisitorId).ToArray() });
                    command.Parameters.Add(new() { Value = _tenants.Select(tenant => tenant.ConversationId).ToArray() });

                    // From here on a commit may happen whose answer does not arrive.
                    _mayExist = true;
                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
            }
            catch (NpgsqlException exception)
            {
                throw CheckFaults.OnCheck("canary", exception);
            }
        }
    }

    // On a connection of its own, because the examination may have ended for want of one. Not cancellable: it is the way out.
    public async Task<NpgsqlException?> RemoveAsync()
    {
        if (!_mayExist)
            return null;
        NpgsqlConnection connection = createConnection();
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                using CancellationTokenSource deadline = new(timeout);
                await connection.OpenAsync(deadline.Token).ConfigureAwait(false);
                NpgsqlCommand command = CreateCommand(connection, Removal);
                await using (command.ConfigureAwait(false))
                    await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
                return null;
            }
            catch (OperationCanceledException exception)
            {
                return new NpgsqlException("The database did not answer in time.", exception);
            }
            catch (NpgsqlException exception)
            {
                return exception;
            }
        }
    }

    private static async Task OpenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException exception)
        {
            throw MigrationFaults.OnOpen(connection, exception);
        }
    }

    private async Task<string> FormatInsertAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = CreateCommand(connection, HasName);
        await using (command.ConfigureAwait(false))
        {
            bool hasName = (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
            return Insert.Replace("{0}", hasName ? ", name" : "", StringComparison.Ordinal)
                .Replace("{1}", hasName ? ", 'Campfire doctor'" : "", StringComparison.Ordinal);
        }
    }

    private NpgsqlCommand CreateCommand(NpgsqlConnection connection, string sql) =>
        new(sql, connection) { CommandTimeout = (int)Math.Ceiling(timeout.TotalSeconds) };
}

using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.Benchmarks.Sockets;

// What a server and its clients must know of a project with one organization, which has one agent.
internal sealed record BenchProject(Uri Url, string AnonKey, string ServiceKey, string JwtSecret, Guid OrganizationId, string WidgetKey, string AgentToken)
{
    public static async Task<BenchProject> SeedAsync(CampfireEmulator emulator, CancellationToken cancellationToken)
    {
        Guid organizationId = Guid.CreateVersion7();
        Guid agentId = Guid.CreateVersion7();
        const string widgetKey = "wk_benchmark";
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(emulator.ConnectionString);
        await using NpgsqlBatch batch = database.CreateBatch();
        Add("insert into public.organizations (id, name) values ($1, 'Benchmark')", organizationId);
        Add("insert into public.organization_members (organization_id, user_id, role, display_name) values ($1, $2, 'agent', 'Ada')", organizationId, agentId);
        Add("insert into public.widget_keys (organization_id, public_key, allowed_origins) values ($1, $2, '{*}')", organizationId, widgetKey);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return new BenchProject(
            emulator.Url, emulator.AnonKey, emulator.ServiceKey, emulator.JwtSecret, organizationId, widgetKey, emulator.CreateAgentToken(agentId, TimeSpan.FromHours(12)));

        void Add(string sql, params object[] parameters)
        {
            NpgsqlBatchCommand command = new(sql);
            foreach (object parameter in parameters)
                command.Parameters.Add(new NpgsqlParameter { Value = parameter });
            batch.BatchCommands.Add(command);
        }
    }
}

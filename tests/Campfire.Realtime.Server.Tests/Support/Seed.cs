using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Server.Tests.Support;

/// <summary>Puts organizations and widget keys into the database, and looks at what the server left there.</summary>
internal static class Seed
{
    public static async Task<Guid> OrganizationAsync()
    {
        await using NpgsqlCommand command = ServerTestsSetUp.Database.CreateCommand("insert into public.organizations (name) values ('Test') returning id");
        return (Guid)(await command.ExecuteScalarAsync())!;
    }

    public static async Task<string> WidgetKeyAsync(Guid organizationId, string[]? allowedOrigins = null, bool isEnabled = true)
    {
        string key = "wk_" + Guid.NewGuid().ToString("N");
        await using NpgsqlCommand command = ServerTestsSetUp.Database.CreateCommand(
            "insert into public.widget_keys (organization_id, public_key, allowed_origins, is_enabled) values ($1, $2, $3, $4)");
        command.Parameters.Add(new NpgsqlParameter { Value = organizationId });
        command.Parameters.Add(new NpgsqlParameter { Value = key });
        command.Parameters.Add(new NpgsqlParameter { Value = allowedOrigins ?? [] });
        command.Parameters.Add(new NpgsqlParameter { Value = isEnabled });
        await command.ExecuteNonQueryAsync();
        return key;
    }

    public static async Task<string> WidgetKeyAsync() => await WidgetKeyAsync(await OrganizationAsync());

    public static async Task<string> AgentTokenAsync(Guid organizationId)
    {
        var agentId = Guid.CreateVersion7();
        await SupportDesk.AddMemberAsync(ServerTestsSetUp.Emulator, organizationId, agentId);
        return ServerTestsSetUp.Emulator.CreateAgentToken(agentId);
    }

    public static async Task<T> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = ServerTestsSetUp.Database.CreateCommand(sql);
        foreach (object parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static Task<long> MessageCountAsync(Guid conversationId) =>
        ScalarAsync<long>("select count(*) from public.messages where conversation_id = $1", conversationId);

    public static Task<long> ConversationCountAsync(Guid organizationId) =>
        ScalarAsync<long>("select count(*) from public.conversations where organization_id = $1", organizationId);
}

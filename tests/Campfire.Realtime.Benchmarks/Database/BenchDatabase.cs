using System.Text.Json;
using Campfire.Realtime.Emulator;
using Npgsql;

namespace Campfire.Realtime.Benchmarks.Database;

// A migrated database of its own, filled by plain inserts past the triggers. It lies in a folder that is named, because
// the emulator then leaves fsync and full_page_writes on, as they are in production.
internal sealed class BenchDatabase : IAsyncDisposable
{
    public const int Members = 10_000;
    private readonly CampfireEmulator _emulator;
    private readonly string _folder;

    private BenchDatabase(CampfireEmulator emulator, string folder)
    {
        _emulator = emulator;
        _folder = folder;
    }

    public Guid OrganizationId { get; } = Guid.NewGuid();

    public Guid AgentId { get; } = Guid.NewGuid();

    public Guid VisitorId { get; } = Guid.NewGuid();

    // With as many messages as were asked for; ShortConversationId has ten.
    public Guid LongConversationId { get; } = Guid.NewGuid();

    public Guid ShortConversationId { get; } = Guid.NewGuid();

    public static async Task<BenchDatabase> CreateAsync(int conversations, int messages, CancellationToken cancellationToken)
    {
        // Not CreateTempSubdirectory, which shuts out the user that PostgreSQL runs as when this runs as root.
        string folder = Path.Combine(Path.GetTempPath(), "campfire-benchmarks-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        CampfireEmulator emulator;
        try
        {
            emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { DataDirectory = Path.Combine(folder, "emulator") }, cancellationToken);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }

        BenchDatabase database = new(emulator, folder);
        try
        {
            await database.FillAsync(conversations, messages, cancellationToken);
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public Task<Session> OpenOwnerAsync(CancellationToken cancellationToken) => OpenAsync(null, "", cancellationToken);

    public Task<Session> OpenServerAsync(CancellationToken cancellationToken) => OpenAsync("service_role", "", cancellationToken);

    public Task<Session> OpenAgentAsync(CancellationToken cancellationToken) => OpenAsync("authenticated", AgentClaims, cancellationToken);

    public Task<Session> OpenVisitorAsync(Guid conversationId, CancellationToken cancellationToken) =>
        OpenAsync("anon", VisitorClaims(conversationId), cancellationToken);

    public string AgentClaims => JsonSerializer.Serialize(new { role = "authenticated", sub = AgentId });

    public string VisitorClaims(Guid conversationId) => JsonSerializer.Serialize(new
    {
        role = "anon",
        sub = VisitorId,
        campfire = new { kind = "visitor", org = OrganizationId, conv = conversationId },
    });

    public async Task<string> DescribeAsync(CancellationToken cancellationToken)
    {
        await using Session session = await OpenOwnerAsync(cancellationToken);
        return await session.ReadAsync<string>(
            """
            select 'PostgreSQL ' || current_setting('server_version') || ', '
                || string_agg(name || ' = ' || setting, ', ' order by name)
            from pg_settings where name in ('fsync', 'full_page_writes', 'wal_level', 'shared_buffers')
            """,
            cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _emulator.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<Session> OpenAsync(string? role, string claims, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = new(new NpgsqlConnectionStringBuilder(_emulator.ConnectionString) { Pooling = false, MaxAutoPrepare = 0 }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            Session session = new(connection);
            await session.ExecuteAsync("select set_config('request.jwt.claims', $1, false)", cancellationToken, claims);
            if (role is not null)
                await session.ExecuteAsync($"set role {role}", cancellationToken);
            return session;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task FillAsync(int conversations, int messages, CancellationToken cancellationToken)
    {
        Console.WriteLine($"Filling a database: {conversations:N0} conversations, a conversation of {messages:N0} messages, {Members:N0} members…");
        await using Session owner = await OpenOwnerAsync(cancellationToken);
        await owner.ExecuteAsync("set synchronous_commit = off", cancellationToken);
        await owner.ExecuteAsync("update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null", cancellationToken);
        await owner.ExecuteAsync("insert into public.organizations (id, name) values ($1, 'Benchmark')", cancellationToken, OrganizationId);
        await owner.ExecuteAsync(
            """
            insert into public.organization_members (organization_id, user_id, role, display_name)
            select $1, case number when 1 then $2 else gen_random_uuid() end, 'agent', 'Agent ' || number from generate_series(1, $3) number
            """,
            cancellationToken, OrganizationId, AgentId, Members);
        await owner.ExecuteAsync("alter table public.conversations disable trigger user", cancellationToken);
        await owner.ExecuteAsync("alter table public.messages disable trigger user", cancellationToken);
        await owner.ExecuteAsync(
            """
            insert into public.conversations (id, organization_id, visitor_id, customer_name, customer_email, last_sequence)
            select case number when 1 then $2 when 2 then $3 else gen_random_uuid() end,
                   $1, $4, 'Vera Visitor', 'vera@example.com', case number when 1 then $6 + 1 when 2 then 11 else 1 end
            from generate_series(1, $5) number
            """,
            cancellationToken, OrganizationId, LongConversationId, ShortConversationId, VisitorId, conversations, messages);
        await owner.ExecuteAsync(
            """
            insert into public.realtime_conversations (
                id, organization_id, visitor_id, customer_name, customer_email, status, priority, handler_type,
                handler_epoch, version, last_sequence, created_at, updated_at)
            select id, organization_id, visitor_id, customer_name, customer_email, status, priority, handler_type,
                   handler_epoch, version, last_sequence, created_at, updated_at
            from public.conversations
            """,
            cancellationToken);
        await owner.ExecuteAsync(
            """
            insert into public.conversation_events (conversation_id, sequence, event, actor_type, data)
            select id, 1, 'conversation:created', 'system', jsonb_build_object('id', id, 'sequence', 1) from public.conversations
            """,
            cancellationToken);
        await FillConversationAsync(owner, ShortConversationId, 10, cancellationToken);
        await FillConversationAsync(owner, LongConversationId, messages, cancellationToken);
        await owner.ExecuteAsync("alter table public.conversations enable trigger user", cancellationToken);
        await owner.ExecuteAsync("alter table public.messages enable trigger user", cancellationToken);
        await owner.ExecuteAsync(
            """
            create table public.bare (like public.messages including defaults including constraints,
                primary key (id), unique (conversation_id, sequence))
            """,
            cancellationToken);
        await owner.ExecuteAsync("grant insert on public.bare to service_role", cancellationToken);
        await owner.ExecuteAsync(PlainWrites.Sql, cancellationToken);
        await owner.ExecuteAsync("vacuum (analyze)", cancellationToken);
        Console.WriteLine("Filled.");
    }

    private async Task FillConversationAsync(Session owner, Guid conversationId, int messages, CancellationToken cancellationToken)
    {
        await owner.ExecuteAsync(
            """
            insert into public.messages (id, conversation_id, organization_id, sequence, content, sender_type, sender_id, sender_name)
            select gen_random_uuid(), $1, $2, number + 1, 'Message ' || number, 'visitor', $3, 'Vera Visitor'
            from generate_series(1, $4) number
            """,
            cancellationToken, conversationId, OrganizationId, VisitorId.ToString(), messages);
        await owner.ExecuteAsync(
            """
            insert into public.conversation_events (conversation_id, sequence, event, message_id, actor_type, actor_id)
            select conversation_id, sequence, 'message:created', id, sender_type, sender_id
            from public.messages where conversation_id = $1
            """,
            cancellationToken, conversationId);
    }
}

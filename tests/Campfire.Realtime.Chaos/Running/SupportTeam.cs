using System.Text;
using Campfire.Realtime.Chaos.Judging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;
using QuickStart;

namespace Campfire.Realtime.Chaos.Running;

internal sealed record Desk(Guid Id, Guid VisitorId);

/// <summary>An organization with agents and conversations in the database, made for a run and removed after it.</summary>
internal sealed class SupportTeam : IAsyncDisposable
{
    // Short, so that a long run needs fresh ones.
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(3);

    private const int MessagesPerTransaction = 100;

    private readonly NpgsqlDataSource _database;
    private readonly SigningCredentials _signing;

    private SupportTeam(NpgsqlDataSource database, string jwtSecret)
    {
        _database = database;
        _signing = new SigningCredentials(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(jwtSecret)), SecurityAlgorithms.HmacSha256);
    }

    public Guid OrganizationId { get; } = Guid.CreateVersion7();

    public IReadOnlyList<Guid> AgentIds { get; private set; } = [];

    public IReadOnlyList<Desk> Desks { get; private set; } = [];

    public static async Task<SupportTeam> CreateAsync(SupabaseTarget target, int agents, int conversations, CancellationToken cancellationToken)
    {
        // After a restart of the database every pooled connection would be broken.
        var team = new SupportTeam(NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(target.Database) { Pooling = false, CommandTimeout = 600 }), target.JwtSecret)
        {
            AgentIds = [.. Enumerable.Range(0, agents).Select(_ => Guid.CreateVersion7())],
            Desks = [.. Enumerable.Range(0, conversations).Select(_ => new Desk(Guid.CreateVersion7(), Guid.CreateVersion7()))],
        };
        try
        {
            await using NpgsqlBatch batch = team._database.CreateBatch();
            void Add(string sql, params object[] values)
            {
                var command = new NpgsqlBatchCommand(sql);
                foreach (object value in values)
                    command.Parameters.Add(new NpgsqlParameter { Value = value });
                batch.BatchCommands.Add(command);
            }

            // These visitors write faster than people do. On a real project the limit stays, and others write.
            if (target.Emulator is not null)
                Add("update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null");
            Add("insert into public.organizations (id, name) values ($1, 'Chaos')", team.OrganizationId);
            Add("insert into public.organization_members (organization_id, user_id, role, display_name) select $1, unnest($2), 'agent', 'Ada'",
                team.OrganizationId, team.AgentIds.ToArray());
            Add("insert into public.conversations (id, organization_id, visitor_id, customer_name) select c, $1, v, 'Vera' from unnest($2, $3) as desk (c, v)",
                team.OrganizationId, team.Desks.Select(desk => desk.Id).ToArray(), team.Desks.Select(desk => desk.VisitorId).ToArray());
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return team;
        }
        catch
        {
            await team._database.DisposeAsync();
            throw;
        }
    }

    public string AgentToken(int agent) => Sign(new Dictionary<string, object>
    {
        ["role"] = "authenticated",
        ["aud"] = "authenticated",
        ["sub"] = AgentIds[agent].ToString("D"),
    });

    public string VisitorToken(Desk desk) => Sign(new Dictionary<string, object>
    {
        ["role"] = "anon",
        ["sub"] = desk.VisitorId.ToString("D"),
        ["campfire"] = new Dictionary<string, object> { ["kind"] = "visitor", ["org"] = OrganizationId.ToString("D"), ["conv"] = desk.Id.ToString("D") },
    });

    /// <summary>All messages of each conversation, in the order of its log.</summary>
    public async Task<IReadOnlyDictionary<Guid, IReadOnlyList<Seen>>> ReadMessagesAsync(CancellationToken cancellationToken)
    {
        Dictionary<Guid, List<Seen>> messages = Desks.ToDictionary(desk => desk.Id, _ => new List<Seen>());
        await using NpgsqlCommand command = _database.CreateCommand(
            """
            select logged.conversation_id, message.id, message.content
            from public.conversation_events logged
            join public.messages message on message.id = logged.message_id
            where logged.event = 'message:created' and logged.conversation_id = any ($1)
            order by logged.conversation_id, logged.sequence
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = messages.Keys.ToArray() });
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
            messages[rows.GetGuid(0)].Add(new Seen(rows.GetGuid(1), rows.GetString(2)));
        return messages.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<Seen>)pair.Value);
    }

    /// <summary>Stores messages by SQL, past the clients, in transactions of a hundred: a row that one transaction changes often slows it down.</summary>
    public async Task StoreMessagesAsync(Desk desk, int count, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync(cancellationToken);
        for (int first = 1; first <= count; first += MessagesPerTransaction)
        {
            await using var command = new NpgsqlCommand(
                """
                select count(public.campfire_send_message($1, gen_random_uuid(), 'sql ' || counter, p_sender => '{"type": "system"}'))
                from generate_series($2, $3) counter
                """,
                connection);
            command.Parameters.Add(new NpgsqlParameter { Value = desk.Id });
            command.Parameters.Add(new NpgsqlParameter { Value = first });
            command.Parameters.Add(new NpgsqlParameter { Value = Math.Min(first + MessagesPerTransaction - 1, count) });
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await using (NpgsqlCommand remove = _database.CreateCommand("delete from public.organizations where id = $1"))
        {
            remove.Parameters.Add(new NpgsqlParameter { Value = OrganizationId });
            await remove.ExecuteNonQueryAsync();
        }

        await _database.DisposeAsync();
    }

    private string Sign(Dictionary<string, object> claims)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Claims = claims,
            IssuedAt = now.UtcDateTime,
            Expires = (now + TokenLifetime).UtcDateTime,
            SigningCredentials = _signing,
        });
    }
}

using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace QuickStart;

/// <summary>An organization with one agent and a widget key, made for this run and removed after it.</summary>
internal sealed class SupportTeam : IAsyncDisposable
{
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

    private readonly NpgsqlDataSource _database;
    private readonly SigningCredentials _signing;

    private SupportTeam(NpgsqlDataSource database, Guid organizationId, string jwtSecret)
    {
        _database = database;
        OrganizationId = organizationId;
        _signing = new SigningCredentials(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(jwtSecret)), SecurityAlgorithms.HmacSha256);
    }

    public Guid OrganizationId { get; }

    public Guid AgentId { get; } = Guid.CreateVersion7();

    public string WidgetKey { get; } = $"wk_{Guid.NewGuid():N}";

    public static async Task<SupportTeam> CreateAsync(SupabaseTarget target, CancellationToken cancellationToken)
    {
        NpgsqlDataSource database = NpgsqlDataSource.Create(target.Database);
        try
        {
            await using NpgsqlCommand organization = database.CreateCommand("insert into public.organizations (name) values ('QuickStart') returning id");
            var id = (Guid)(await organization.ExecuteScalarAsync(cancellationToken))!;
            var team = new SupportTeam(database, id, target.JwtSecret);

            await using NpgsqlBatch batch = database.CreateBatch();

            // This visitor writes faster than people do. On a real project the limit stays, and the run takes the time it costs.
            if (target.Emulator is not null)
                batch.BatchCommands.Add(new NpgsqlBatchCommand("update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = null"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand("insert into public.organization_members (organization_id, user_id, role, display_name) values ($1, $2, 'agent', 'Ada')")
            {
                Parameters = { new() { Value = id }, new() { Value = team.AgentId } },
            });
            batch.BatchCommands.Add(new NpgsqlBatchCommand("insert into public.widget_keys (organization_id, public_key, allowed_origins) values ($1, $2, array['https://shop.example'])")
            {
                Parameters = { new() { Value = id }, new() { Value = team.WidgetKey } },
            });
            await batch.ExecuteNonQueryAsync(cancellationToken);
            return team;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>What Supabase Auth would hand to a signed-in agent.</summary>
    public string CreateAgentToken()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Claims = new Dictionary<string, object> { ["role"] = "authenticated", ["aud"] = "authenticated", ["sub"] = AgentId.ToString("D") },
            IssuedAt = now.UtcDateTime,
            Expires = (now + TokenLifetime).UtcDateTime,
            SigningCredentials = _signing,
        });
    }

    /// <summary>How far the database's clock is ahead of this machine's, from the quickest of five questions.</summary>
    public async Task<TimeSpan> MeasureClockOffsetAsync(CancellationToken cancellationToken)
    {
        TimeProvider time = TimeProvider.System;
        var best = (RoundTrip: TimeSpan.MaxValue, Offset: TimeSpan.Zero);
        for (int i = 0; i < 5; i++)
        {
            await using NpgsqlCommand clock = _database.CreateCommand("select clock_timestamp()");
            DateTimeOffset asked = time.GetUtcNow();
            var there = new DateTimeOffset((DateTime)(await clock.ExecuteScalarAsync(cancellationToken))!);
            TimeSpan roundTrip = time.GetUtcNow() - asked;
            if (roundTrip < best.RoundTrip)
                best = (roundTrip, there - (asked + (roundTrip / 2)));
        }

        return best.Offset;
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
}

using Npgsql;
using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

// Asks as Realtime does at a join: two rows as the owner, then whether the caller sees them, rolled back. What the policy
// itself costs is the one SELECT.
internal sealed class JoinPolicyQuestion : IQuestion
{
    public string Name => "join-policy";

    public string Text => "What does the policy cost when somebody joins a conversation's channel?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase database = await bench.LargeAsync(cancellationToken);
        Guid conversationId = database.LongConversationId;
        string topic = $"bcast:org:{database.OrganizationId}:conv:{conversationId}";
        List<Figure> figures = [];
        foreach ((string who, string role, string claims) in new[]
        {
            ("visitor", "anon", database.VisitorClaims(conversationId)),
            ("agent", "authenticated", database.AgentClaims),
        })
        {
            await using Session session = await database.OpenOwnerAsync(cancellationToken);
            await using NpgsqlTransaction transaction = await session.Connection.BeginTransactionAsync(cancellationToken);
            Guid broadcastId = Guid.NewGuid();
            Guid presenceId = Guid.NewGuid();
            await session.ExecuteAsync(
                """
                insert into realtime.messages (id, topic, extension, inserted_at, updated_at)
                values ($1, $3, 'broadcast', now(), now()), ($2, $3, 'presence', now(), now())
                """,
                cancellationToken, broadcastId, presenceId, topic);
            await session.ExecuteAsync(
                "select set_config('request.jwt.claims', $1, true), set_config('realtime.topic', $2, true), set_config('role', $3, true)",
                cancellationToken, claims, topic, role);
            const string Probe = "select count(*) from realtime.messages where id in ($1, $2)";
            if (await session.ReadAsync<long>(Probe, cancellationToken, broadcastId, presenceId) != 2)
                throw new InvalidOperationException($"The {who} may not join {topic}; the figure would be that of a refusal.");
            Func<Task> probe = await session.PrepareAsync(Probe, cancellationToken, broadcastId, presenceId);
            IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(bench.Rounds, bench.Calls, [probe], cancellationToken);
            figures.Add(Figure.Alone(
                $"policy at a {who}'s join, {bench.ManyInWords} conversations, {BenchDatabase.Members:N0} members",
                "ms", rounds[0], "at most 1 ms", rounds[0].Median <= 1));
        }

        return figures;
    }
}

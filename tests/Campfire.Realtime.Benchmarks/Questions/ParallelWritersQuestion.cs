using System.Diagnostics;
using Npgsql;
using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class ParallelWritersQuestion : IQuestion
{
    private const int Writers = 50;

    public string Name => "parallel-writers";

    public string Text => "How many messages a second do 50 writers store, and do they leave holes or deadlocks?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase database = await bench.SmallAsync(cancellationToken);
        await using Session owner = await database.OpenOwnerAsync(cancellationToken);
        Guid[] conversations = await owner.ReadAsync<Guid[]>(
            "select array(select id from public.conversations where last_sequence = 1 order by id limit 50)", cancellationToken);
        return
        [
            await MeasureAsync("50 writers on 50 conversations", bench, database, owner, conversations, cancellationToken),
            await MeasureAsync(
                "50 writers on one conversation", bench, database, owner, [.. Enumerable.Repeat(conversations[0], Writers)], cancellationToken),
        ];
    }

    private static async Task<Figure> MeasureAsync(
        string name, Workbench bench, BenchDatabase database, Session owner, Guid[] targets, CancellationToken cancellationToken)
    {
        int messagesPerWriter = bench.Calls / 15;
        List<Session> sessions = [];
        try
        {
            List<Func<Task>> sends = [];
            foreach (Guid target in targets)
            {
                sessions.Add(await database.OpenServerAsync(cancellationToken));
                sends.Add(await sessions[^1].PrepareSendAsync(target, cancellationToken));
            }

            List<double> perSecond = [];
            int deadlocks = 0;
            for (int round = 0; round < bench.Rounds; round++)
            {
                long start = Stopwatch.GetTimestamp();
                await Task.WhenAll(sends.Select(async send =>
                {
                    for (int message = 0; message < messagesPerWriter; message++)
                    {
                        try
                        {
                            await send();
                        }
                        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.DeadlockDetected)
                        {
                            Interlocked.Increment(ref deadlocks);
                        }
                    }
                }));
                perSecond.Add(Writers * messagesPerWriter / Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            // Without a hole, the log is as long as its last number and both are those of the conversation.
            long holes = await owner.ReadAsync<long>(
                """
                select count(*) from (
                    select 1 from public.conversation_events log
                    join public.conversations conversation on conversation.id = log.conversation_id
                    where conversation.id = any ($1)
                    group by conversation.id
                    having count(*) <> max(log.sequence) or max(log.sequence) <> conversation.last_sequence) broken
                """,
                cancellationToken, targets);
            return Figure.Alone(
                $"{name} ({deadlocks} deadlocks, {holes} conversations with holes)",
                "messages/s", new Rounds(perSecond), "no deadlock, no hole", deadlocks == 0 && holes == 0);
        }
        finally
        {
            foreach (Session session in sessions)
                await session.DisposeAsync();
        }
    }
}

using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class ReadLogQuestion : IQuestion
{
    public string Name => "read-log";

    public string Text => "What do the last 100 events of a long conversation cost?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase database = await bench.LargeAsync(cancellationToken);
        await using Session visitor = await database.OpenVisitorAsync(database.LongConversationId, cancellationToken);
        await using Session owner = await database.OpenOwnerAsync(cancellationToken);
        long last = await owner.ReadAsync<long>(
            "select last_sequence from public.conversations where id = $1", cancellationToken, database.LongConversationId);
        Func<Task> read = await visitor.PrepareAsync(
            "select public.campfire_events($1, $2, 100)::text", cancellationToken, database.LongConversationId, last - 100);
        IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(bench.Rounds, bench.Calls, [read], cancellationToken);
        return
        [
            Figure.Alone($"campfire_events, last 100 of {bench.ManyInWords}", "ms", rounds[0], "at most 2 ms", rounds[0].Median <= 2),
        ];
    }
}

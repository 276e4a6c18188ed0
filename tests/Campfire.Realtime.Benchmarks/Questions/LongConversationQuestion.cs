using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class LongConversationQuestion : IQuestion
{
    public string Name => "long-conversation";

    public string Text => "Does a message cost more in a long conversation?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase database = await bench.LargeAsync(cancellationToken);
        await using Session inShort = await database.OpenServerAsync(cancellationToken);
        await using Session inLong = await database.OpenServerAsync(cancellationToken);
        IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(
            bench.Rounds,
            bench.Calls,
            [
                await inShort.PrepareSendAsync(database.ShortConversationId, cancellationToken),
                await inLong.PrepareSendAsync(database.LongConversationId, cancellationToken),
            ],
            cancellationToken);
        return
        [
            Figure.Alone("send in a conversation of 10 messages", "ms", rounds[0]),
            Figure.Against(
                $"send in a conversation of {bench.ManyInWords} messages", "ms", rounds[1], rounds[0], "within 20 %", ratio => Math.Abs(ratio - 1) <= 0.2),
        ];
    }
}

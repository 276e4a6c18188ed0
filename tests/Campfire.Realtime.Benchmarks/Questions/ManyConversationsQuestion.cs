using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class ManyConversationsQuestion : IQuestion
{
    public string Name => "many-conversations";

    public string Text => "Does a message cost more among many conversations?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase few = await bench.SmallAsync(cancellationToken);
        BenchDatabase many = await bench.LargeAsync(cancellationToken);
        await using Session amongFew = await few.OpenServerAsync(cancellationToken);
        await using Session amongMany = await many.OpenServerAsync(cancellationToken);
        IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(
            bench.Rounds,
            bench.Calls,
            [
                await amongFew.PrepareSendAsync(few.ShortConversationId, cancellationToken),
                await amongMany.PrepareSendAsync(many.ShortConversationId, cancellationToken),
            ],
            cancellationToken);
        return
        [
            Figure.Alone("send among 1,000 conversations", "ms", rounds[0]),
            Figure.Against(
                $"send among {bench.ManyInWords} conversations", "ms", rounds[1], rounds[0], "within 20 %", ratio => Math.Abs(ratio - 1) <= 0.2),
        ];
    }
}

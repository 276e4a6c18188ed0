using Campfire.Realtime.Benchmarks.Database;
using Campfire.Realtime.Benchmarks.Running;

namespace Campfire.Realtime.Benchmarks.Questions;

internal sealed class SendCostQuestion : IQuestion
{
    private const string Target = "at most 3 times the bare insert";

    public string Name => "send";

    public string Text => "What does campfire_send_message cost, beside an insert into a table of two indexes?";

    public async Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken)
    {
        BenchDatabase database = await bench.SmallAsync(cancellationToken);
        Guid conversationId = database.ShortConversationId;
        await using Session bareWriter = await database.OpenServerAsync(cancellationToken);
        await using Session plainWriter = await database.OpenServerAsync(cancellationToken);
        await using Session visitor = await database.OpenVisitorAsync(conversationId, cancellationToken);
        await using Session agent = await database.OpenAgentAsync(cancellationToken);
        await using Session server = await database.OpenServerAsync(cancellationToken);
        Func<Task>[] operations =
        [
            await bareWriter.PrepareBareInsertAsync(database.OrganizationId, conversationId, cancellationToken),
            await plainWriter.PreparePlainWritesAsync(conversationId, cancellationToken),
            await visitor.PrepareSendAsync(conversationId, cancellationToken),
            await agent.PrepareSendAsync(conversationId, cancellationToken),
            await server.PrepareSendAsync(conversationId, cancellationToken),
        ];

        List<Figure> figures = [];
        foreach (bool isWaiting in new[] { true, false })
        {
            foreach (Session session in new[] { bareWriter, plainWriter, visitor, agent, server })
                await session.WaitForDiskAsync(isWaiting, cancellationToken);
            IReadOnlyList<Rounds> rounds = await Sampler.TakeTurnsAsync(bench.Rounds, bench.Calls, operations, cancellationToken);
            string commit = isWaiting ? "synchronous_commit on" : "synchronous_commit off";
            figures.Add(Figure.Alone($"bare insert, {commit}", "ms", rounds[0]));
            figures.Add(Figure.Against($"the same eight writes and nothing else, {commit}", "ms", rounds[1], rounds[0]));
            figures.Add(Figure.Against($"send as visitor, {commit}", "ms", rounds[2], rounds[0], Target, ratio => ratio <= 3));
            figures.Add(Figure.Against($"send as agent, {commit}", "ms", rounds[3], rounds[0], Target, ratio => ratio <= 3));
            figures.Add(Figure.Against($"send as server, {commit}", "ms", rounds[4], rounds[0], Target, ratio => ratio <= 3));
        }

        return figures;
    }
}

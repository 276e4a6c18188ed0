namespace Campfire.Realtime.Benchmarks.Running;

// One thing to find out. A new question is a class in Questions and its name in Program.
internal interface IQuestion
{
    string Name { get; }

    string Text { get; }

    Task<IReadOnlyList<Figure>> AnswerAsync(Workbench bench, CancellationToken cancellationToken);
}

using System.CommandLine;
using Campfire.Realtime.Benchmarks.Questions;
using Campfire.Realtime.Benchmarks.Running;
using Campfire.Realtime.Benchmarks.Sockets;

IQuestion[] all =
[
    new SendCostQuestion(), new LongConversationQuestion(), new ManyConversationsQuestion(), new ReadLogQuestion(),
    new JoinPolicyQuestion(), new ParallelWritersQuestion(),
    new EmulatorStartQuestion(), new EmulatorMemoryQuestion(), new EmulatorFanOutQuestion(), new DatabaseBroadcastQuestion(),
    new WidgetAuthQuestion(), new MessageApiQuestion(),
];

Option<bool> quick = new("--quick") { Description = "A tenth of the rows and fewer rounds; ends within three minutes." };
Option<FileInfo?> json = new("--json") { Description = "Writes the figures into a file." };
Option<string?> only = new("--question") { Description = "Asks one question: " + string.Join(", ", all.Select(question => question.Name)) + "." };
only.Validators.Add(result =>
{
    if (result.GetValueOrDefault<string?>() is { } name && all.All(question => question.Name != name))
        result.AddError($"There is no question {name}. Ask {string.Join(", ", all.Select(question => question.Name))}.");
});
Option<bool> writeDocs = new("--write-docs") { Description = "Writes the figures and the machine into docs/performance.md." };
Argument<string> server = new("server");
Command serve = new(ServerProcess.Command, "Is the server that is measured; the program starts it by itself.") { server };
serve.Hidden = true;
serve.SetAction((arguments, cancellationToken) => ServerProcess.ServeAsync(arguments.GetValue(server)!, cancellationToken));
RootCommand command = new("Measures what Campfire costs.") { quick, json, only, writeDocs, serve };
command.SetAction(async (arguments, cancellationToken) =>
{
    await using Workbench bench = new(arguments.GetValue(quick));
    try
    {
        List<Figure> figures = [];
        foreach (IQuestion question in all.Where(question => arguments.GetValue(only) is not { } name || question.Name == name))
        {
            Console.WriteLine($"{Environment.NewLine}{question.Name}: {question.Text}");
            IReadOnlyList<Figure> answers = await question.AnswerAsync(bench, cancellationToken);
            Console.Write(Report.Table(answers));
            figures.AddRange(answers);
        }

        string surroundings = await bench.DescribeAsync(cancellationToken);
        Console.WriteLine($"{Environment.NewLine}{surroundings}");
        if (arguments.GetValue(json) is { } file)
            await Report.WriteJsonAsync(file.FullName, figures, cancellationToken);
        if (arguments.GetValue(writeDocs))
            await Report.WriteDocsAsync(surroundings, figures, cancellationToken);
        return 0;
    }
    catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
    {
        Console.Error.WriteLine("Stopped.");
        return 130;
    }
});
return await command.Parse(args).InvokeAsync();

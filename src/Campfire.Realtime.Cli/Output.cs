using Spectre.Console;

namespace Campfire.Realtime.Cli;

// Spectre writes what may be coloured; values go to the console as they are, because it would wrap them.
internal static class Output
{
    private const int LabelWidth = 17;

    public static void Heading(string text)
    {
        Console.Out.WriteLine();
        AnsiConsole.MarkupLineInterpolated($"[bold]{text}[/]");
    }

    public static void Field(string label, string value)
    {
        AnsiConsole.MarkupInterpolated($"  [grey]{label.PadRight(LabelWidth)}[/]");
        Console.Out.WriteLine(value);
    }

    public static void Line(string text) => Console.Out.WriteLine(text);

    // An ArgumentException names its parameter at the end, which means nothing to whoever typed a command.
    public static int Fail(Exception failure, int exitCode = 1) =>
        Fail(failure is ArgumentException { ParamName: { } name } ? failure.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : failure.Message, exitCode);

    public static int Fail(string message, int exitCode = 1)
    {
        Console.Error.WriteLine($"campfire: {message}");
        return exitCode;
    }
}

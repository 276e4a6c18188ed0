namespace Campfire.Realtime.Protocol.Tests;

// docs/naming.md against the code.
[Parallelizable(ParallelScope.All)]
internal sealed class NamingDocumentTests
{
    private const string Id = "0197a3a2-7c1e-7000-8000-000000000001";

    private static readonly string[] Placeholders = ["{org}", "{conv}", "{user}", "{visitor}"];

    [Test]
    public void Channels_of_the_document_are_those_of_the_code()
    {
        Assert.That(ReadTable("Channels").Select(row => row[1]), Is.EquivalentTo(Enum.GetNames<ChannelKind>()));
    }

    [Test]
    public void Channel_of_the_document_has_the_kind_that_stands_beside_it()
    {
        foreach (string[] row in ReadTable("Channels"))
        {
            string name = Placeholders.Aggregate(row[0], (text, placeholder) => text.Replace(placeholder, Id, StringComparison.Ordinal));

            Assert.That(ChannelName.Parse(name).Kind.ToString(), Is.EqualTo(row[1]), row[0]);
        }
    }

    [Test]
    public void Events_of_the_document_are_those_of_the_code()
    {
        Assert.That(ReadTable("Events").Select(row => row[0]), Is.EquivalentTo(EventNames.All));
    }

    [Test]
    public void Rows_of_the_document_say_everything()
    {
        Assert.That(ReadTable("Channels").Concat(ReadTable("Events")).SelectMany(row => row), Has.None.Empty);
    }

    // The rows below a heading, without the backticks of single names.
    private static List<string[]> ReadTable(string heading) =>
    [
        .. File.ReadLines(Path.Combine(TestContext.CurrentContext.TestDirectory, "docs", "naming.md"))
            .SkipWhile(line => line != $"## {heading}")
            .SkipWhile(line => !line.StartsWith('|'))
            .TakeWhile(line => line.StartsWith('|'))
            .Skip(2)
            .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim().Trim('`')).ToArray()),
    ];
}

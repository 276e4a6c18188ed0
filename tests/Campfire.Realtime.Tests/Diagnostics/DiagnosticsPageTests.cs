using System.Diagnostics.Metrics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Campfire.Realtime.Connection;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Tests.Diagnostics;

// docs/diagnostics.md says what the client tells: the same as the code, in both directions.
public sealed partial class DiagnosticsPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "diagnostics.md"));

    [Test]
    public void Logs_of_the_page_are_those_of_the_code()
    {
        IEnumerable<string> logs = typeof(CampfireClient).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>())
            .OfType<LoggerMessageAttribute>()
            .Select(log => $"| {log.EventId} | {log.Level} | {log.Message} |");

        Assert.That(Rows("Logs"), Is.EquivalentTo(logs));
    }

    [Test]
    public void Metrics_of_the_page_are_those_of_the_code()
    {
        var instruments = new List<string>();
        using (var listener = new MeterListener())
        {
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == CampfireDiagnostics.Name)
                    instruments.Add($"{instrument.Name} | {Kind(instrument)}, `{instrument.Unit}`");
            };
            RuntimeHelpers.RunClassConstructor(typeof(Realtime.Diagnostics.Instruments).TypeHandle);
            listener.Start();
        }

        Assert.That(Rows("Metrics").Select(row => MetricRow().Match(row)).Select(match => $"{match.Groups["name"]} | {match.Groups["kind"]}"), Is.EquivalentTo(instruments));
    }

    [Test]
    public void Names_of_the_page_are_the_constants()
    {
        string[] constants = [.. typeof(CampfireDiagnostics).GetFields().Select(field => (string)field.GetRawConstantValue()!)];
        IEnumerable<string> names = Rows("Metrics").Concat(Rows("Activities")).Concat(Rows("Tags")).Select(row => FirstName().Match(row).Groups["name"].Value);

        Assert.That(names.Append(CampfireDiagnostics.Name), Is.EquivalentTo(constants));
    }

    [Test]
    public void Tags_of_metrics_and_activities_are_explained()
    {
        var explained = Rows("Tags").Select(row => FirstName().Match(row).Groups["name"].Value).ToHashSet();
        IEnumerable<string> used = Rows("Metrics").Concat(Rows("Activities")).SelectMany(row => TagName().Matches(row).Select(match => match.Value)).Distinct();

        Assert.That(used, Is.EquivalentTo(explained));
    }

    [Test]
    public void Kinds_of_violations_are_listed() =>
        Assert.That(Rows("Tags").Single(row => row.Contains("campfire.kind", StringComparison.Ordinal)),
            Is.EqualTo($"| `campfire.kind` | {string.Join(", ", Enum.GetNames<Violation>().Select(name => $"`{name}`"))} |"));

    private static string Kind(Instrument instrument) => instrument.GetType().GetGenericTypeDefinition() switch
    {
        var type when type == typeof(Counter<>) => "counter",
        var type when type == typeof(UpDownCounter<>) => "up-down counter",
        var type when type == typeof(Histogram<>) => "histogram",
        var type => type.Name,
    };

    private static List<string> Rows(string heading)
    {
        string section = Page[Page.IndexOf($"## {heading}\n", StringComparison.Ordinal)..];
        int end = section.IndexOf("\n## ", StringComparison.Ordinal);
        return [.. (end < 0 ? section : section[..end]).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1)];
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Campfire.Realtime.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }

    [GeneratedRegex(@"^\| `(?<name>[^`]+)` \| (?<kind>[^|]+?) \|")]
    private static partial Regex MetricRow();

    [GeneratedRegex(@"^\| `(?<name>[^`]+)`")]
    private static partial Regex FirstName();

    // A tag has one word behind the product's name, an instrument more.
    [GeneratedRegex(@"(?<=`)campfire\.(?!client\b)\w+(?=`)")]
    private static partial Regex TagName();
}

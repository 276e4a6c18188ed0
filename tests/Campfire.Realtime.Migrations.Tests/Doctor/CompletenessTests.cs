using System.Reflection;
using System.Text.RegularExpressions;
using Campfire.Realtime.Migrations.Examining;
using Campfire.Realtime.Migrations.Live;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

public sealed partial class CompletenessTests
{
    private static readonly CheckScript[] _checks = [.. CheckScript.Platform, .. CheckScript.Schema, .. CheckScript.Data];

    private static readonly string[] _codes =
    [
        .. _checks.SelectMany(check => CodesIn(check.Sql)).Concat(ConstantsOf(typeof(MigrationFindings))).Concat(ConstantsOf(typeof(LiveFindings)))
            .Distinct().Order(StringComparer.Ordinal),
    ];

    [Test]
    public void Every_check_is_run() =>
        Assert.That(
            _checks.Select(check => $"sql/checks/{check.Name}.sql"),
            Is.EquivalentTo(typeof(CampfireDoctor).Assembly.GetManifestResourceNames().Where(name => name.StartsWith("sql/checks/", StringComparison.Ordinal))));

    [Test]
    public void Every_code_has_a_test() =>
        Assert.That(
            Damage.All.Select(damage => damage.Code)
                .Concat(ReplicationFindingTests.Codes).Concat(LiveFindingTests.Codes).Distinct().Order(StringComparer.Ordinal),
            Is.EqualTo(_codes));

    [Test]
    public void Every_code_has_a_heading_in_troubleshooting()
    {
        string page = File.ReadAllText(FindInRepository("docs/troubleshooting.md"));
        string section = page[page.IndexOf("\n## Findings of the doctor\n", StringComparison.Ordinal)..];

        Assert.That(Heading().Matches(section).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal), Is.EqualTo(_codes));
    }

    [Test]
    public void Checks_are_one_statement_each() =>
        Assert.That(_checks.Select(check => WithoutLiterals().Replace(check.Sql, "")), Has.None.Contains(";"));

    private static string[] CodesIn(string sql)
    {
        string[] codes =
        [
            .. FirstColumn().Matches(sql).Select(match => match.Groups[1].Value),
            .. CaseColumn().Matches(sql).SelectMany(match => Branch().Matches(match.Value)).Select(match => match.Groups[1].Value),
        ];
        Assert.That(codes, Is.Not.Empty, sql);
        return codes;
    }

    private static IEnumerable<string> ConstantsOf(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);

    private static string FindInRepository(string path)
    {
        DirectoryInfo? folder = new(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, path)))
            folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? throw new FileNotFoundException(path), path);
    }

    [GeneratedRegex(@"\bselect\s+'([a-z_]+)'\s*(?:as code)?,")]
    private static partial Regex FirstColumn();

    [GeneratedRegex(@"\bcase\b(?:(?!\bcase\b).)*?\bend as code", RegexOptions.Singleline)]
    private static partial Regex CaseColumn();

    [GeneratedRegex(@"\b(?:then|else)\s+'([a-z_]+)'")]
    private static partial Regex Branch();

    [GeneratedRegex(@"^### (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"'[^']*'|--[^\n]*")]
    private static partial Regex WithoutLiterals();
}

using System.Text.Json;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Samples.Tests.Chaos;

[TestFixture]
public sealed class ChaosTests
{
    private const string Program = "Campfire.Realtime.Chaos";

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public async Task Run_through_faults_of_every_kind_loses_doubles_and_reorders_nothing()
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(
            _folder.FullPath, ["--messages", "200", "--faults", "21", "--seed", "3", "--json", "chaos.json"], program: Program);

        Assert.That(exitCode, Is.Zero, output);
        using JsonDocument report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder.FullPath, "chaos.json")));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                report.RootElement.EnumerateObject().Select(property => property.Name),
                Is.EqualTo(new[] { "messages", "faults", "lost", "duplicated", "reordered", "recovered", "seconds", "seed" }));
            Assert.That(report.RootElement.EnumerateObject().Select(property => property.Value.ValueKind), Is.All.EqualTo(JsonValueKind.Number));
            Assert.That(Figure(report, "messages"), Is.EqualTo(200));
            Assert.That(Figure(report, "faults"), Is.EqualTo(21));
            Assert.That(Figure(report, "lost") + Figure(report, "duplicated") + Figure(report, "reordered"), Is.Zero);
            Assert.That(Figure(report, "recovered"), Is.GreaterThan(0), "with so many faults some events come from the log");
            Assert.That(Figure(report, "seed"), Is.EqualTo(3));
        }
    }

    [TestCase("--messages 0", "--messages takes 1 to 1,000,000")]
    [TestCase("--faults many", "'many'")]
    [TestCase("--json missing/chaos.json", "there is no folder")]
    [TestCase("--storm 3 --soak", "--storm and --soak exclude each other")]
    [TestCase("--detect --seed 4", "--detect has no use for --seed")]
    [TestCase("--supabase", "CAMPFIRE_SUPABASE_URL, CAMPFIRE_ANON_KEY, CAMPFIRE_SERVICE_KEY, CAMPFIRE_JWT_SECRET, CAMPFIRE_DB")]
    public async Task Unusable_arguments_end_the_run_with_a_word_about_them(string arguments, string expected)
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder.FullPath, arguments.Split(' '), program: Program);

        Assert.That(exitCode, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain(expected).And.Not.Contain("   at "));
    }

    [Test]
    public async Task Project_of_the_variables_is_reached_through_the_proxy_and_left_as_it_was()
    {
        await using CampfireEmulator project = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { ApplyMigrations = false, Limits = new EmulatorLimits { MaxEventsPerSecond = 100_000 } });
        var environment = new Dictionary<string, string>
        {
            ["CAMPFIRE_SUPABASE_URL"] = project.Url.ToString(),
            ["CAMPFIRE_ANON_KEY"] = project.AnonKey,
            ["CAMPFIRE_SERVICE_KEY"] = project.ServiceKey,
            ["CAMPFIRE_JWT_SECRET"] = project.JwtSecret,
            ["CAMPFIRE_DB"] = project.DatabaseUri.OriginalString,
        };

        (int exitCode, string output) = await SampleProcess.RunAsync(
            _folder.FullPath, ["--supabase", "--messages", "100", "--faults", "11", "--seed", "5"], environment, Program);

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("ConnectionsHalfOpened").And.Contain("ConnectionsReset"));
        await using var database = Npgsql.NpgsqlDataSource.Create(project.ConnectionString);
        await using Npgsql.NpgsqlCommand rows = database.CreateCommand("select count(*) from public.organizations");
        Assert.That(await rows.ExecuteScalarAsync(), Is.EqualTo(0L));
    }

    [Test]
    public async Task Signal_in_mid_run_stops_it_and_its_database()
    {
        await using SampleProcess run = SampleProcess.Start(_folder.FullPath, ["--messages", "100000", "--faults", "1000"], program: Program);
        await run.SawAsync("clients have joined");

        run.Signal("INT");

        Assert.That(await run.ExitAsync(), Is.EqualTo(130), run.Output);
        Assert.That(Directory.EnumerateFileSystemEntries(_folder.FullPath).Select(Path.GetFileName).Where(name => name!.StartsWith("campfire", StringComparison.Ordinal)), Is.Empty);
    }

    private static double Figure(JsonDocument report, string name) => report.RootElement.GetProperty(name).GetDouble();
}

using System.Diagnostics;
using System.Text.Json;
using Campfire.Realtime.Emulator;

namespace Campfire.Realtime.Samples.Tests;

[TestFixture]
public sealed class QuickStartTests
{
    private string _folder = "";

    [SetUp]
    public void CreateFolder()
    {
        _folder = Directory.CreateTempSubdirectory("campfire-samples-").FullName;

        // Root's PostgreSQL runs as another user, who must be able to pass.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Run_with_json_says_that_every_event_arrived_once_and_in_order()
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--messages", "60", "--json", "report.json"]);

        Assert.That(exitCode, Is.Zero, output);
        using JsonDocument report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "report.json")));
        JsonElement root = report.RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.GetProperty("messages").GetInt32(), Is.EqualTo(60));
            foreach (string side in new[] { "visitor", "agent" })
            {
                Assert.That(root.GetProperty(side).GetRawText().ReplaceLineEndings("").Replace(" ", "", StringComparison.Ordinal),
                    Is.EqualTo("""{"delivered":60,"lost":0,"duplicates":0,"out_of_order":0}"""), side);
            }

            (string Name, string Events)[] channels =
            [
                .. root.GetProperty("channels").EnumerateObject().Select(channel => (
                    System.Text.RegularExpressions.Regex.Replace(channel.Name, "[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
                    string.Join(",", channel.Value.EnumerateObject().Select(e => $"{e.Name}={e.Value.GetInt32()}")))),
            ];
            Assert.That(channels, Is.EquivalentTo(new[]
            {
                ("org:ID:conv:ID", "message:created=60"),
                ("org:ID", "conversation:updated=60"),
                ("org:ID:conversations", "message:created=60"),
            }));
            Assert.That(root.GetProperty("latency_ms").GetProperty("p50").GetDouble(), Is.GreaterThan(0));
            Assert.That(root.GetProperty("latency_ms").GetProperty("max").GetDouble(), Is.GreaterThanOrEqualTo(root.GetProperty("latency_ms").GetProperty("p99").GetDouble()));
            Assert.That(root.GetProperty("widget_auth_ms").GetDouble(), Is.GreaterThan(0));
            Assert.That(root.GetProperty("binding_mismatch_errors").GetInt32(), Is.Zero);
        }

        AssertNothingIsLeft();
    }

    [Test]
    public async Task Run_without_arguments_replays_the_transcript_that_comes_along()
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, []);

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("Every event arrived at every side exactly once and in order."));
        Assert.That(await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "transcript.jsonl")), Has.Length.GreaterThanOrEqualTo(40));
    }

    [Test]
    public async Task Own_transcript_is_replayed_whatever_its_script()
    {
        string path = Path.Combine(_folder, "own.jsonl");
        await File.WriteAllTextAsync(path, "{\"from\":\"visitor\",\"text\":\"שלום 👋\\nline 2\"}\n\n{\"from\":\"agent\",\"text\":\"" + new string('ß', 15_000) + "\"}\n");

        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--transcript", path]);

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("2 messages stored"));
    }

    [TestCase("no.jsonl", null, "There is no transcript")]
    [TestCase("bad.jsonl", "{\"from\":\"visitor\"}", "bad.jsonl, line 1: each line is a JSON object")]
    [TestCase("bad.jsonl", "not json", "bad.jsonl, line 1: each line is a JSON object")]
    [TestCase("bad.jsonl", "{\"from\":\"robot\",\"text\":\"x\"}", "\"from\" is visitor or agent")]
    [TestCase("empty.jsonl", "\n", "has no turn")]
    public async Task Unusable_transcript_ends_the_run_with_a_word_about_it(string name, string? content, string expected)
    {
        string path = Path.Combine(_folder, name);
        if (content is not null)
            await File.WriteAllTextAsync(path, content);

        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--transcript", path]);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain(expected).And.Not.Contain("   at "));
    }

    [Test]
    public async Task Folder_for_temporary_files_that_does_not_exist_ends_the_run_with_a_word_about_it()
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, [], new Dictionary<string, string> { ["TMPDIR"] = Path.Combine(_folder, "missing") });

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("missing").And.Contain("TMPDIR").And.Not.Contain("   at "));
    }

    [Test]
    public async Task Supabase_without_its_variables_names_them()
    {
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--supabase"]);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("CAMPFIRE_SUPABASE_URL, CAMPFIRE_ANON_KEY, CAMPFIRE_SERVICE_KEY, CAMPFIRE_JWT_SECRET, CAMPFIRE_DB"));
    }

    [Test]
    public async Task Supabase_runs_against_the_project_of_the_variables_and_cleans_up_after_itself()
    {
        await using CampfireEmulator project = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { ApplyMigrations = false, Limits = new EmulatorLimits { MaxEventsPerSecond = 100_000 } });
        var environment = new Dictionary<string, string>
        {
            ["CAMPFIRE_SUPABASE_URL"] = project.Url.ToString(),
            ["CAMPFIRE_REALTIME_URL"] = new Uri(project.Url, "/socket").ToString(),
            ["CAMPFIRE_REST_URL"] = new Uri(project.Url, "/rest/v1").ToString(),
            ["CAMPFIRE_ANON_KEY"] = project.AnonKey,
            ["CAMPFIRE_SERVICE_KEY"] = project.ServiceKey,
            ["CAMPFIRE_JWT_SECRET"] = project.JwtSecret,
            ["CAMPFIRE_DB"] = project.DatabaseUri.OriginalString,
        };

        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--supabase", "--messages", "20"], environment);

        Assert.That(exitCode, Is.Zero, output);
        await using var database = Npgsql.NpgsqlDataSource.Create(project.ConnectionString);
        await using Npgsql.NpgsqlCommand rows = database.CreateCommand("select count(*) from public.organizations");
        Assert.That(await rows.ExecuteScalarAsync(), Is.EqualTo(0L));
    }

    [TestCase("INT")]
    [TestCase("TERM")]
    public async Task Signal_in_mid_run_leaves_nothing_behind(string signal)
    {
        await using SampleProcess sample = SampleProcess.Start(_folder, ["--messages", "1000000"]);
        await sample.SawAsync("Replaying 1000000 messages");

        sample.Signal(signal);

        Assert.That(await sample.ExitAsync(), Is.EqualTo(130), sample.Output);
        AssertNothingIsLeft();
    }

    [Test]
    public async Task Run_after_a_killed_one_removes_what_that_left()
    {
        await using (SampleProcess killed = SampleProcess.Start(_folder, ["--messages", "1000000"]))
        {
            await killed.SawAsync("Replaying 1000000 messages");
            killed.Signal("KILL");
            await killed.ExitAsync();
        }

        Assert.That(Databases(), Is.Not.Empty, "a killed process cannot stop its database");
        (int exitCode, string output) = await SampleProcess.RunAsync(_folder, ["--messages", "2"]);

        Assert.That(exitCode, Is.Zero, output);
        AssertNothingIsLeft();
    }

    private void AssertNothingIsLeft()
    {
        Assert.That(Databases(), Is.Empty, "no database is left running");
        Assert.That(Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName).Where(name => name!.StartsWith("campfire", StringComparison.Ordinal)), Is.Empty);
    }

    // The processes whose command line names this test's folder.
    private string[] Databases() =>
    [
        .. Process.GetProcesses().Select(process => CommandLine(process.Id)).Where(line => line.Contains("postgres", StringComparison.Ordinal) && line.Contains(_folder, StringComparison.Ordinal)),
    ];

    private static string CommandLine(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}

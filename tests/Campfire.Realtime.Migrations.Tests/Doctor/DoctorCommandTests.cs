using System.Diagnostics;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class DoctorCommandTests
{
    private CampfireEmulator _emulator = null!;

    private string[] Secrets =>
    [
        new NpgsqlConnectionStringBuilder(_emulator.ConnectionString).Password!, _emulator.AnonKey, _emulator.ServiceKey, _emulator.JwtSecret,
    ];

    private string[] Live =>
    [
        "--live", "--anon-key", _emulator.AnonKey, "--service-key", _emulator.ServiceKey, "--jwt-secret", _emulator.JwtSecret,
        "--url", _emulator.Url.AbsoluteUri,
    ];

    [OneTimeSetUp]
    public async Task StartAsync() =>
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast });

    [OneTimeTearDown]
    public async Task StopAsync() => await _emulator.DisposeAsync();

    [Test]
    public async Task Healthy_database_ends_with_0()
    {
        (int exitCode, string output, string error) = await RunAsync("--connection", _emulator.DatabaseUri.OriginalString);

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Is.EqualTo("No findings.\n"));
    }

    [Test]
    public async Task Healthy_database_has_an_empty_list_as_json()
    {
        (int exitCode, string output, string error) = await RunAsync("--connection", _emulator.ConnectionString, "--json");

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Is.EqualTo("""{"findings":[],"measurements":[]}""" + "\n"));
    }

    [Test]
    public async Task Findings_end_with_1_and_carry_their_fix()
    {
        await ExecuteAsync("alter table public.messages disable trigger record_message_trigger; drop index public.idx_messages_organization_id");
        try
        {
            (int exitCode, string output, string error) = await RunAsync("--connection", _emulator.ConnectionString);

            Assert.That(exitCode, Is.EqualTo(1), error);
            Assert.That(output, Does.Match(@"(?s)Errors.*trigger_disabled: record_message_trigger on public\.messages\n.*"
                + @"alter table public\.messages enable trigger record_message_trigger\n.*Warnings.*index_missing: public\.messages \(organization_id\)\n.*create index"));

            (exitCode, output, error) = await RunAsync("--connection", _emulator.ConnectionString, "--json");

            Assert.That(exitCode, Is.EqualTo(1), error);
            JsonArray findings = JsonNode.Parse(output)!["findings"]!.AsArray();
            Assert.That(findings.Select(finding => $"{finding!["severity"]} {finding["code"]}"), Is.EqualTo(new[] { "error trigger_disabled", "warning index_missing" }));
            Assert.That(
                findings[0]!.AsObject().Select(property => property.Key),
                Is.EqualTo(new[] { "code", "severity", "object", "message", "fix" }));
        }
        finally
        {
            await ExecuteAsync(
                """
                alter table public.messages enable trigger record_message_trigger;
                create index idx_messages_organization_id on public.messages (organization_id);
                """);
        }
    }

    [TestCase("Password=wrong", "refused the user")]
    [TestCase("Port=1", "No connection")]
    public async Task Database_that_cannot_be_looked_at_ends_with_2(string change, string message)
    {
        (int exitCode, string output, string error) = await RunAsync("--connection", $"{_emulator.ConnectionString};{change}");

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.StartWith("campfire: ").And.Contain(message));
    }

    [Test]
    public async Task Connection_that_is_none_ends_with_2()
    {
        (int exitCode, _, string error) = await RunAsync("--connection", "postgresql://");

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(error, Does.StartWith("campfire: "));
    }

    [Test]
    public async Task Live_examination_measures_every_path()
    {
        (int exitCode, string output, string error) = await RunAsync(["--connection", _emulator.ConnectionString, "--json", .. Live]);

        Assert.That(exitCode, Is.Zero, error + output);
        JsonArray measurements = JsonNode.Parse(output)!["measurements"]!.AsArray();
        Assert.That(measurements, Has.Count.GreaterThan(10));
        Assert.That(measurements.Select(measurement => (double)measurement!["milliseconds"]!), Is.All.GreaterThanOrEqualTo(0));

        (exitCode, output, error) = await RunAsync(["--connection", _emulator.ConnectionString, .. Live]);

        Assert.That(exitCode, Is.Zero, error + output);
        Assert.That(output, Does.Match(@"(?s)Paths.*\d+\.\d ms  agent joins conversation\n.*No findings\.\n$"));
    }

    [Test]
    public async Task Live_examination_takes_the_project_from_the_environment()
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(TestContext.CurrentContext.TestDirectory, "campfire.dll"), "doctor", "--live"])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                ["CAMPFIRE_SUPABASE_DB"] = _emulator.ConnectionString,
                ["CAMPFIRE_SUPABASE_URL"] = _emulator.Url.AbsoluteUri,
                ["CAMPFIRE_SUPABASE_ANON_KEY"] = _emulator.AnonKey,
                ["CAMPFIRE_SUPABASE_SERVICE_KEY"] = _emulator.ServiceKey,
                ["CAMPFIRE_SUPABASE_JWT_SECRET"] = _emulator.JwtSecret,
            },
        };
        using Process campfire = Process.Start(start)!;
        string output = await campfire.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        await campfire.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));

        Assert.That(campfire.ExitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("service joins organization"));
    }

    [Test]
    public async Task Live_examination_of_a_wrong_address_ends_with_1()
    {
        (int exitCode, string output, _) = await RunAsync(["--connection", _emulator.ConnectionString, .. Live[..^2], "--url", "http://127.0.0.1:1"]);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("live_unreachable"));
    }

    [Test]
    public async Task Live_examination_is_left_out_without_its_tables()
    {
        await ExecuteAsync("alter table public.message_attachments rename to elsewhere");
        (int exitCode, string output, string error) = await RunAsync(["--connection", _emulator.ConnectionString, .. Live]);
        await ExecuteAsync("alter table public.elsewhere rename to message_attachments");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(output, Does.Contain("table_missing: public.message_attachments").And.Not.Contain("Paths"));
        Assert.That(error, Is.EqualTo("campfire: --live was left out because of table_missing.\n"));
    }

    [TestCase("--live", "--live needs")]
    [TestCase("--json", "Which database?", false)]
    public async Task Missing_option_ends_with_2(string option, string message, bool hasConnection = true)
    {
        string[] connection = hasConnection ? ["--connection", _emulator.ConnectionString] : [];
        (int exitCode, _, string error) = await RunAsync([.. connection, option]);

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(error, Does.StartWith($"campfire: {message}"));
    }

    // Whatever is printed, in whichever case, none of the secrets is in it.
    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        (int ExitCode, string Output, string Error) result = await CampfireProcess.RunAsync(["doctor", .. arguments]);
        foreach (string secret in Secrets)
            Assert.That(result.Output + result.Error, Does.Not.Contain(secret));
        return result;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_emulator.ConnectionString);
        await using NpgsqlCommand command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}

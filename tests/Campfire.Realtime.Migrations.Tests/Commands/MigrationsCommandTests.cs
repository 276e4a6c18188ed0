using System.Text.Json.Nodes;
using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Migrations.Tests.Commands;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MigrationsCommandTests : MigratorFixture
{
    private string Connection => Emulator.DatabaseUri.OriginalString;

    [Test]
    public async Task Status_of_a_new_database_lists_everything_as_pending()
    {
        (int exitCode, string output, _) = await CampfireProcess.RunAsync("migrations", "status", "--connection", Connection);

        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(lines[0], Does.Match("^script +state +applied at +applied by +version$"));
        Assert.That(lines.Skip(1), Has.Exactly(CampfireMigrations.All.Count).Match("^[0-9]{4}_[a-z]+ +pending$"));
        Assert.That(output, Does.Not.Contain(Emulator.DatabaseUri.UserInfo.Split(':')[1]));
    }

    [Test]
    public async Task Status_of_a_current_database_is_a_success()
    {
        await new CampfireMigrator(Emulator.ConnectionString).MigrateAsync();

        (int exitCode, string output, _) = await CampfireProcess.RunOnAsync(Connection, "migrations", "status");

        Assert.That(exitCode, Is.Zero);
        Assert.That(
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1),
            Has.Exactly(CampfireMigrations.All.Count).Match(@"^[0-9]{4}_[a-z]+ +applied +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +postgres +\d+\.\d+\.\d+$"));
    }

    [Test]
    public async Task Status_as_json_is_for_programs()
    {
        await new CampfireMigrator(Emulator.ConnectionString).MigrateAsync();
        await ExecuteAsync("update campfire.migrations set checksum = 'x' where name = '0001_survey'; delete from campfire.migrations where name = '0012_realtime'");

        (int exitCode, string output, _) = await CampfireProcess.RunOnAsync(Connection, "migrations", "status", "--json");

        JsonArray scripts = JsonNode.Parse(output)!.AsArray();
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That((string?)scripts[0]!["state"], Is.EqualTo("edited"));
        Assert.That((string?)scripts[1]!["state"], Is.EqualTo("applied"));
        Assert.That((string?)scripts[1]!["applied_by"], Is.EqualTo("postgres"));
        Assert.That((string?)scripts[1]!["applied_at"], Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
        Assert.That(scripts[11]!.ToJsonString(), Is.EqualTo("""{"name":"0012_realtime","state":"pending","applied_at":null,"applied_by":null,"package_version":null}"""));
    }

    [TestCase("postgresql://postgres:hunter2@127.0.0.1:1/postgres")]
    [TestCase("nonsense")]
    public async Task Status_of_a_database_that_cannot_be_asked_is_not_taken_for_pending(string connection)
    {
        (int exitCode, string output, string error) = await CampfireProcess.RunOnAsync(connection, "migrations", "status");

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(error, Does.StartWith("campfire: ").And.Not.Contain("hunter2"));
    }

    [Test]
    public async Task Status_without_a_database_could_not_look() =>
        Assert.That((await CampfireProcess.RunAsync("migrations", "status")).ExitCode, Is.EqualTo(2));

    [Test]
    public async Task Export_writes_once_and_asks_before_it_replaces()
    {
        using TemporaryFolder folder = new();
        string directory = Path.Combine(folder.FullPath, "supabase", "migrations");

        (int exitCode, string output, string error) = await CampfireProcess.RunAsync("migrations", "export", "--to", directory);
        (int againExitCode, string again, _) = await CampfireProcess.RunAsync("migrations", "export", "--to", directory);
        string first = Path.Combine(directory, "20261124000100_campfire_survey.sql");
        await File.AppendAllTextAsync(first, "-- mine");
        (int otherExitCode, _, string other) = await CampfireProcess.RunAsync("migrations", "export", "--to", directory);
        (int forcedExitCode, string forced, _) = await CampfireProcess.RunAsync("migrations", "export", "--to", directory, "--force");

        Assert.That((exitCode, againExitCode, otherExitCode, forcedExitCode), Is.EqualTo((0, 0, 1, 0)), error);
        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Exactly(CampfireMigrations.All.Count).Match(@"^.*/\d{14}_campfire_[a-z]+\.sql written$"));
        Assert.That(again, Does.Not.Contain("written"));
        Assert.That(other, Does.Contain("20261124000100_campfire_survey.sql").And.Contain("--force"));
        Assert.That(forced, Does.Contain($"{first} written"));
        Assert.That(await File.ReadAllTextAsync(first), Does.Not.Contain("-- mine"));
    }

    [Test]
    public async Task Export_to_where_no_folder_can_be_is_told()
    {
        using TemporaryFolder folder = new();
        string file = Path.Combine(folder.FullPath, "file");
        await File.WriteAllTextAsync(file, "");

        (int exitCode, _, string error) = await CampfireProcess.RunAsync("migrations", "export", "--to", file);

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.StartWith("campfire: ").And.Contain(file));
        Assert.That(error, Does.Not.Contain("   at "));
    }
}

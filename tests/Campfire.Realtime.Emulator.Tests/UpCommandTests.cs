using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class UpCommandTests
{
    [Test]
    public async Task Up_with_json_prints_one_line_and_ends_cleanly_when_terminated()
    {
        using var temporary = new TemporaryFolder();
        using var campfire = CampfireProcess.Start(temporary.FullPath, "up", "--port", "0", "--json");

        var ready = await campfire.ReadyAsync();
        var (user, isSuperuser) = await WhoAmIAsync(ready);
        campfire.Terminate();
        var (exitCode, rest, error) = await campfire.EndedAsync();

        Assert.That(ready.AsObject().Select(pair => pair.Key), Is.EqualTo(new[] { "url", "anon_key", "service_key", "jwt_secret", "db" }));
        Assert.That((user, isSuperuser), Is.EqualTo(("postgres", false)));
        Assert.That((exitCode, rest, error), Is.EqualTo((0, "", "")));
        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.Empty, "nothing is left behind");
    }

    [Test]
    public async Task A_start_after_a_kill_removes_what_the_killed_one_left_and_spares_the_living()
    {
        using var temporary = new TemporaryFolder();
        using var living = CampfireProcess.Start(temporary.FullPath, "up", "--port", "0", "--json", "--no-migrate");
        using var killed = CampfireProcess.Start(temporary.FullPath, "up", "--port", "0", "--json", "--no-migrate");
        var (ofLiving, ofKilled) = (await living.ReadyAsync(), await killed.ReadyAsync());

        killed.Kill();
        await killed.EndedAsync();
        var foldersBefore = Directory.GetDirectories(temporary.FullPath);
        await WhoAmIAsync(ofKilled);
        using var next = CampfireProcess.Start(temporary.FullPath, "up", "--port", "0", "--json", "--no-migrate");
        await next.ReadyAsync();

        Assert.That(foldersBefore, Has.Length.EqualTo(2), "the killed one could not clean up");
        Assert.That(async () => await WhoAmIAsync(ofKilled), Throws.InstanceOf<NpgsqlException>(), "its PostgreSQL is stopped");
        Assert.That(Directory.GetDirectories(temporary.FullPath), Has.Length.EqualTo(2), "the living one and the next");
        Assert.That((await WhoAmIAsync(ofLiving)).User, Is.EqualTo("postgres"));

        living.Terminate();
        next.Terminate();
        await living.EndedAsync();
        await next.EndedAsync();
        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.Empty);
    }

    [Test]
    public async Task A_data_directory_of_a_killed_one_is_taken_over_with_its_data()
    {
        using var temporary = new TemporaryFolder();
        string[] arguments = ["up", "--port", "0", "--json", "--no-migrate", "--data", Path.Combine(temporary.FullPath, "data")];
        using var killed = CampfireProcess.Start(temporary.FullPath, arguments);
        var before = await killed.ReadyAsync();
        killed.Kill();
        await killed.EndedAsync();

        using var next = CampfireProcess.Start(temporary.FullPath, arguments);
        var after = await next.ReadyAsync();

        Assert.That((string?)after["anon_key"], Is.EqualTo((string?)before["anon_key"]));
        Assert.That((await WhoAmIAsync(after)).User, Is.EqualTo("postgres"));
        Assert.That(async () => await WhoAmIAsync(before), Throws.InstanceOf<NpgsqlException>(), "the old PostgreSQL is stopped");
        next.Terminate();
        await next.EndedAsync();
    }

    [Test]
    public async Task A_port_in_use_is_told_in_one_line()
    {
        using var temporary = new TemporaryFolder();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        using var campfire = CampfireProcess.Start(temporary.FullPath, "up", "--port", $"{port}", "--json", "--no-migrate");
        var (exitCode, output, error) = await campfire.EndedAsync();

        Assert.That((exitCode, output), Is.EqualTo((1, "")));
        Assert.That(error.Trim(), Does.Contain($"Port {port} is in use").And.Contain("--port").And.Not.Contain("\n"));
        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.Empty);
    }

    [TestCase("--data", "", "--data is empty. Name a folder, or leave --data out")]
    [TestCase("--data", " ", "--data is empty. Name a folder, or leave --data out")]
    [TestCase("--port", "x", "--port takes 1 to 65535, or 0 for a free port.")]
    [TestCase("--port", "-1", "--port takes 1 to 65535, or 0 for a free port.")]
    [TestCase("--port", "65536", "--port takes 1 to 65535, or 0 for a free port.")]
    public async Task A_wrong_value_is_told_with_the_right_ones(string option, string value, string message)
    {
        using var temporary = new TemporaryFolder();

        using var campfire = CampfireProcess.Start(temporary.FullPath, "up", option, value);
        var (exitCode, output, error) = await campfire.EndedAsync();

        Assert.That(exitCode, Is.Not.Zero);
        Assert.That(output + error, Does.Contain(message).And.Not.Contain("System."));
    }

    [Test]
    public async Task Migrate_takes_a_uri_and_is_repeatable()
    {
        using var temporary = new TemporaryFolder();
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false });

        var first = await MigrateAsync(emulator.DatabaseUri.OriginalString);
        var second = await MigrateAsync(emulator.ConnectionString);

        Assert.That((first.ExitCode, first.Error, second.ExitCode, second.Error), Is.EqualTo((0, "", 0, "")));
        Assert.That(first.Output, Does.Contain("0001_survey").And.Contain("applied"));
        Assert.That(second.Output.Trim(), Is.EqualTo("The database is up to date."));

        async Task<(int ExitCode, string Output, string Error)> MigrateAsync(string connection)
        {
            using var campfire = CampfireProcess.Start(temporary.FullPath, "migrate", "--connection", connection);
            return await campfire.EndedAsync();
        }
    }

    [Test]
    public async Task Migrate_reports_an_unreachable_database_with_exit_code_1()
    {
        using var temporary = new TemporaryFolder();

        using var campfire = CampfireProcess.Start(temporary.FullPath, "migrate", "--connection", "postgresql://postgres:secret@127.0.0.1:1/postgres");
        var (exitCode, output, error) = await campfire.EndedAsync();

        Assert.That((exitCode, output), Is.EqualTo((1, "")));
        Assert.That(error, Does.Contain("127.0.0.1:1").And.Not.Contain("secret"));
    }

    private static async Task<(string User, bool IsSuperuser)> WhoAmIAsync(JsonNode ready)
    {
        var uri = new Uri((string)ready["db"]!);
        var credentials = uri.UserInfo.Split(':');
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port,
            Username = credentials[0],
            Password = credentials[1],
            Database = uri.AbsolutePath[1..],
            Pooling = false,
        };
        await using var connection = new NpgsqlConnection(builder.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select rolname::text, rolsuper from pg_roles where rolname = current_user", connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetString(0), reader.GetBoolean(1));
    }
}

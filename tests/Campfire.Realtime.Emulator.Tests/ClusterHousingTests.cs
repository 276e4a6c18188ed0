using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// Where clusters live, whose they are, and what starts leave behind that were interrupted.
[UnsupportedOSPlatform("windows")]
[Platform(Exclude = "Win", Reason = "Owners and modes are Unix's.")]
public sealed class ClusterHousingTests
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;
    private static readonly string[] _up = ["up", "--port", "0", "--json", "--no-migrate"];

    [Test]
    public async Task A_folder_that_others_can_write_is_not_our_own()
    {
        using var folder = new TemporaryFolder();
        Assert.That(await IsOwnAsync(folder.FullPath), Is.True);

        File.SetUnixFileMode(folder.FullPath, Everybody);

        Assert.That(await IsOwnAsync(folder.FullPath), Is.False);
    }

    [Test]
    public async Task A_folder_whose_parent_others_can_write_may_be_swapped_unless_the_parent_is_sticky()
    {
        using var folder = new TemporaryFolder();
        var child = Directory.CreateDirectory(Path.Combine(folder.FullPath, "child"), Owner).FullName;

        File.SetUnixFileMode(folder.FullPath, Everybody);
        Assert.That(await IsOwnAsync(child), Is.False);

        File.SetUnixFileMode(folder.FullPath, Everybody | UnixFileMode.StickyBit);
        Assert.That(await IsOwnAsync(child), Is.True);
    }

    [Test]
    public async Task A_shared_folder_for_temporary_files_is_not_used_itself()
    {
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.FullPath, Everybody | UnixFileMode.StickyBit);

        var parent = await TemporaryClusters.FindParentAsync(folder.FullPath, CancellationToken.None);

        Assert.That(parent, Is.Not.EqualTo(folder.FullPath));
        Assert.That(await IsOwnAsync(parent), Is.True);
    }

    [Test]
    public async Task An_unprivileged_user_keeps_temporary_clusters_in_a_folder_of_his_own()
    {
        using var temporary = new TemporaryFolder();
        var nobody = Nobody(temporary, Everybody | UnixFileMode.StickyBit);

        using var campfire = CampfireProcess.StartAs(temporary.FullPath, nobody, _up);
        var ready = await campfire.ReadyAsync();
        var own = Directory.GetDirectories(temporary.FullPath, "campfire-emulator-*").Single();
        var (during, mode) = (Directory.GetDirectories(own).Length, File.GetUnixFileMode(own));
        Assert.That(await CurrentUserAsync(ready), Is.EqualTo("postgres"));
        campfire.Terminate();
        var (exitCode, _, error) = await campfire.EndedAsync();

        Assert.That((during, mode), Is.EqualTo((1, Owner)));
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
        Assert.That(Directory.EnumerateFileSystemEntries(own), Is.Empty);
    }

    [Test]
    public async Task A_folder_that_somebody_else_planted_is_not_used()
    {
        using var temporary = new TemporaryFolder();
        var nobody = Nobody(temporary, Everybody | UnixFileMode.StickyBit);
        var planted = Path.Combine(temporary.FullPath, $"campfire-emulator-{NobodysId()}");
        Directory.CreateDirectory(planted);
        File.SetUnixFileMode(planted, Everybody);

        using var campfire = CampfireProcess.StartAs(temporary.FullPath, nobody, _up);
        var (exitCode, _, error) = await campfire.EndedAsync();

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(error, Does.Contain(planted).And.Contain("TMPDIR"));
        Assert.That(Directory.EnumerateFileSystemEntries(planted), Is.Empty);
    }

    [Test]
    public async Task A_link_under_the_name_of_our_folder_is_not_followed()
    {
        using var temporary = new TemporaryFolder();
        var nobody = Nobody(temporary, Everybody | UnixFileMode.StickyBit);
        var elsewhere = Directory.CreateDirectory(Path.Combine(temporary.FullPath, "elsewhere"), Owner).FullName;
        await GiveToNobodyAsync(elsewhere);
        Directory.CreateSymbolicLink(Path.Combine(temporary.FullPath, $"campfire-emulator-{NobodysId()}"), elsewhere);

        using var campfire = CampfireProcess.StartAs(temporary.FullPath, nobody, _up);
        var (exitCode, _, _) = await campfire.EndedAsync();

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(Directory.EnumerateFileSystemEntries(elsewhere), Is.Empty);
    }

    [Test]
    public async Task Only_the_data_belongs_to_the_user_that_runs_PostgreSQL_for_root()
    {
        if (!Environment.IsPrivilegedProcess)
            Assert.Ignore("Only root runs PostgreSQL as somebody else.");
        using var temporary = new TemporaryFolder();
        using var campfire = CampfireProcess.Start(temporary.FullPath, _up);
        await campfire.ReadyAsync();

        var cluster = Directory.GetDirectories(temporary.FullPath).Single();
        var owners = await Command.RunAsync("stat", ["-c", "%u", cluster, Path.Combine(cluster, "admin-password"), Path.Combine(cluster, "data")], CancellationToken.None);
        campfire.Terminate();
        await campfire.EndedAsync();

        var users = owners.Output.Split('\n');
        Assert.That(users[..2], Is.EqualTo(new[] { "0", "0" }));
        Assert.That(users[2], Is.Not.EqualTo("0"));
    }

    [Test]
    public async Task Emulators_that_meet_at_a_cold_template_both_start_and_keep_one()
    {
        using var temporary = new TemporaryFolder();
        using var cache = new TemporaryFolder();

        using var first = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), _up);
        using var second = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), _up);
        Assert.That(await CurrentUserAsync(await first.ReadyAsync()), Is.EqualTo("postgres"));
        Assert.That(await CurrentUserAsync(await second.ReadyAsync()), Is.EqualTo("postgres"));
        first.Terminate();
        second.Terminate();
        await first.EndedAsync();
        await second.EndedAsync();

        Assert.That(Directory.GetDirectories(Path.Combine(cache.FullPath, "campfire-emulator")), Has.Length.EqualTo(1));
        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.Empty);
    }

    [Test]
    public async Task A_template_that_was_not_finished_is_built_anew()
    {
        using var temporary = new TemporaryFolder();
        using var cache = new TemporaryFolder();
        using (var first = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), _up))
        {
            await first.ReadyAsync();
            first.Terminate();
            await first.EndedAsync();
        }
        var template = Directory.GetDirectories(Path.Combine(cache.FullPath, "campfire-emulator")).Single();
        Directory.Move(template, template + ".unfinished");
        Directory.Delete(Path.Combine(template + ".unfinished", "data", "base"), recursive: true);

        using var next = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), _up);
        Assert.That(await CurrentUserAsync(await next.ReadyAsync()), Is.EqualTo("postgres"));
        next.Terminate();
        await next.EndedAsync();

        Assert.That(Directory.GetDirectories(Path.Combine(cache.FullPath, "campfire-emulator")), Is.EqualTo(new[] { template }));
    }

    [Test]
    public async Task A_first_start_that_is_killed_midway_leaves_a_data_directory_that_the_next_start_takes()
    {
        using var temporary = new TemporaryFolder();
        using var cache = new TemporaryFolder();
        var data = Directory.CreateDirectory(Path.Combine(temporary.FullPath, "data")).FullName;
        string[] arguments = [.. _up, "--data", data];
        using (var killed = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), arguments))
        {
            await AppearsAsync(data, "emulator.json");
            killed.Kill();
            await killed.EndedAsync();
        }
        Assert.That(Directory.Exists(Path.Combine(data, "data")), Is.False, "the template is cold, so the kill was in time");

        using var next = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), arguments);
        Assert.That(await CurrentUserAsync(await next.ReadyAsync()), Is.EqualTo("postgres"));
        next.Terminate();
        await next.EndedAsync();

        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.EqualTo(new[] { data }), "also the workshop of the template is gone");
    }

    [Test]
    public async Task A_first_start_that_is_interrupted_leaves_a_data_directory_that_the_next_start_takes()
    {
        using var temporary = new TemporaryFolder();
        using var cache = new TemporaryFolder();
        var data = Directory.CreateDirectory(Path.Combine(temporary.FullPath, "data")).FullName;
        string[] arguments = [.. _up, "--data", data];
        using (var interrupted = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), arguments))
        {
            await AppearsAsync(data, "emulator.json");
            interrupted.Terminate();
            await interrupted.EndedAsync();
        }

        using var next = CampfireProcess.StartAs(temporary.FullPath, UseCache(cache), arguments);
        Assert.That(await CurrentUserAsync(await next.ReadyAsync()), Is.EqualTo("postgres"));
        next.Terminate();
        await next.EndedAsync();

        Assert.That(Directory.EnumerateFileSystemEntries(temporary.FullPath), Is.EqualTo(new[] { data }));
    }

    private static async Task<bool> IsOwnAsync(string path) => (await FolderTrust.ExamineAsync(path, CancellationToken.None))!.IsOwn;

    private static Action<ProcessStartInfo> UseCache(TemporaryFolder cache) => start => start.Environment["XDG_CACHE_HOME"] = cache.FullPath;

    // Another user than the tests', which only root can be; the tool is copied to where he can read it.
    private static Action<ProcessStartInfo> Nobody(TemporaryFolder temporary, UnixFileMode mode)
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/setpriv"))
            Assert.Ignore("Only root can become another user, with setpriv.");
        var tool = Path.Combine(temporary.FullPath, "tool");
        Copy(TestContext.CurrentContext.TestDirectory, tool);
        var home = Directory.CreateDirectory(Path.Combine(temporary.FullPath, "home")).FullName;
        File.SetUnixFileMode(home, Everybody);
        File.SetUnixFileMode(temporary.FullPath, mode);
        return start =>
        {
            start.FileName = "/usr/bin/setpriv";
            start.ArgumentList[0] = Path.Combine(tool, "campfire.dll");
            string[] launcher = [$"--reuid={NobodysId()}", $"--regid={NobodysId()}", "--clear-groups", "--", "dotnet"];
            foreach (var argument in launcher.Reverse())
                start.ArgumentList.Insert(0, argument);
            start.Environment["HOME"] = home;
            start.Environment.Remove("XDG_CACHE_HOME");
            start.Environment.Remove("XDG_RUNTIME_DIR");
        };
    }

    private static string NobodysId() => File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Single(fields => fields[0] == "nobody")[2];

    private static async Task GiveToNobodyAsync(string path)
    {
        var result = await Command.RunAsync("chown", [NobodysId(), path], CancellationToken.None);
        Assert.That(result.ExitCode, Is.Zero, result.Output);
    }

    private static void Copy(string source, string target)
    {
        Directory.CreateDirectory(target, Owner | (UnixFileMode)0b101_101);
        foreach (var file in Directory.EnumerateFiles(source))
        {
            var copy = Path.Combine(target, Path.GetFileName(file));
            File.Copy(file, copy);
            File.SetUnixFileMode(copy, (UnixFileMode)0b110_100_100);
        }
        foreach (var directory in Directory.EnumerateDirectories(source, "runtimes"))
            Copy(directory, Path.Combine(target, Path.GetFileName(directory)));
    }

    private static async Task AppearsAsync(string directory, string name)
    {
        var appeared = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(directory);
        watcher.Created += OnChange;
        watcher.Renamed += OnChange;
        watcher.EnableRaisingEvents = true;
        if (!File.Exists(Path.Combine(directory, name)))
            await appeared.Task.WaitAsync(TimeSpan.FromSeconds(60));

        void OnChange(object sender, FileSystemEventArgs change)
        {
            if (change.Name == name)
                appeared.TrySetResult();
        }
    }

    private static async Task<string> CurrentUserAsync(JsonNode ready)
    {
        var uri = new Uri((string)ready["db"]!);
        var credentials = uri.UserInfo.Split(':');
        await using var connection = new NpgsqlConnection(
            $"Host={uri.Host};Port={uri.Port};Username={credentials[0]};Password={credentials[1]};Database={uri.AbsolutePath[1..]};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select current_user::text", connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}

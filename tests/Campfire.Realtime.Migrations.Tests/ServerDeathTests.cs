using System.Diagnostics;
using System.Globalization;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[Platform("Linux", Reason = "The server's processes are found through /proc.")]
public sealed class ServerDeathTests
{
    private static readonly TimeSpan _deadline = TimeSpan.FromSeconds(30);

    private static readonly CampfireMigration _first = CampfireMigrations.Create("0001_first", "create table public.first (id int);");

    [Test]
    public async Task Server_killed_in_the_middle_of_a_script_leaves_nothing_of_it_and_the_next_run_continues()
    {
        using TemporaryFolder folder = new();
        CampfireEmulatorOptions options = new()
        {
            DataDirectory = Path.Combine(folder.FullPath, "data"), ApplyMigrations = false, Delays = EmulatorDelays.Fast,
        };
        CampfireMigration interrupted = CampfireMigrations.Create(
            "0002_second", "create table public.second (id int); select pg_sleep(60);");
        CampfireMigration second = CampfireMigrations.Create("0002_second", "create table public.second (id int);");

        await using (CampfireEmulator emulator = await CampfireEmulator.StartAsync(options))
        {
            Task running = new CampfireMigrator(emulator.ConnectionString, null, [_first, interrupted]).MigrateAsync();
            await SleepsAsync(emulator, running);

            await KillServerAsync(options.DataDirectory);

            CampfireMigrationException error = Assert.ThrowsAsync<CampfireMigrationException>(() => running.WaitAsync(_deadline))!;
            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
            Assert.That(error.MigrationName, Is.EqualTo("0002_second"));
        }

        await using CampfireEmulator restarted = await CampfireEmulator.StartAsync(options);
        MigrationResult result = await new CampfireMigrator(restarted.ConnectionString, null, [_first, second]).MigrateAsync();

        Assert.That(result.Applied, Is.EqualTo(new[] { second }), "the first was committed, and of the second nothing was left");
    }

    private static async Task SleepsAsync(CampfireEmulator emulator, Task running)
    {
        await using NpgsqlConnection connection = new(emulator.ConnectionString);
        await connection.OpenAsync();
        while (await connection.ReadAsync<long>("select count(*) from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'") == 0)
            Assert.That(running.IsCompleted, Is.False, "the script ended by itself");
    }

    // Without a chance to say goodbye, the postmaster first, so that it cannot recover by itself.
    private static async Task KillServerAsync(string dataDirectory)
    {
        int postmaster = int.Parse(
            File.ReadLines(Path.Combine(dataDirectory, "data", "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        List<Process> server = [Process.GetProcessById(postmaster)];
        foreach (Process process in Process.GetProcesses())
        {
            if (ParentOf(process.Id) == postmaster)
                server.Add(process);
            else
                process.Dispose();
        }

        foreach (Process process in server)
        {
            process.Kill();
            await process.WaitForExitAsync().WaitAsync(_deadline);
            process.Dispose();
        }
    }

    private static int? ParentOf(int processId)
    {
        try
        {
            string line = File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal));
            return int.Parse(line["PPid:".Length..], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}

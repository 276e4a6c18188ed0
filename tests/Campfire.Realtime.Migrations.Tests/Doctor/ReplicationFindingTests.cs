using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

// Slots know no transactions, so these break an emulator of their own.
[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class ReplicationFindingTests
{
    internal static readonly string[] Codes = ["replication_lag", "replication_slot_abandoned", "replication_slot_missing"];

    private const string Prefix = "supabase_realtime_messages_replication_slot_";

    private CampfireEmulator _emulator = null!;
    private NpgsqlDataSource _database = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast });
        _database = NpgsqlDataSource.Create(_emulator.AdminConnectionString);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _database.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [Test]
    public async Task Stream_that_is_behind_is_found()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync("select pg_logical_emit_message(false, 'test', 'anything')");

        DoctorFinding finding = await SingleFindingAsync(new CampfireDoctorOptions { MaxReplicationLagBytes = 0 });

        Assert.That(finding.Code, Is.EqualTo("replication_lag"));
        Assert.That(finding.Severity, Is.EqualTo(DoctorSeverity.Warning));
        Assert.That(finding.Object, Does.StartWith(Prefix));
        Assert.That(await FindAsync(), Is.Empty, "by default");
    }

    [Test]
    public async Task Slot_that_nobody_reads_is_found_and_dropped()
    {
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync($"select pg_create_logical_replication_slot('{Prefix}old', 'pgoutput')");

        DoctorFinding finding = await SingleFindingAsync();
        await connection.ExecuteAsync(finding.Fix);

        Assert.That(finding.Code, Is.EqualTo("replication_slot_abandoned"));
        Assert.That(finding.Object, Is.EqualTo(Prefix + "old"));
        Assert.That(await FindAsync(), Is.Empty);
    }

    [Test]
    public async Task Realtime_that_does_not_read_is_found()
    {
        // With every slot taken, the emulator cannot come back once its stream is cut.
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            select pg_create_physical_replication_slot('taken_' || number)
            from generate_series(2, current_setting('max_replication_slots')::int) as number
            """);
        try
        {
            await connection.ExecuteAsync(
                $$"""
                do $body$ begin
                    perform pg_terminate_backend(active_pid, 10000) from pg_replication_slots where slot_name like '{{Prefix}}%';
                    perform pg_create_physical_replication_slot('taken_1');
                end $body$
                """);

            DoctorFinding finding = await SingleFindingAsync();

            Assert.That(finding.Code, Is.EqualTo("replication_slot_missing"));
            Assert.That(finding.Severity, Is.EqualTo(DoctorSeverity.Warning));
        }
        finally
        {
            await connection.ExecuteAsync("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'taken%'");
        }

        // The emulator comes back by itself.
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(30));
        while ((await FindAsync(cancellationToken: deadline.Token)).Count > 0)
        {
        }
    }

    private async Task<DoctorFinding> SingleFindingAsync(CampfireDoctorOptions? options = null)
    {
        IReadOnlyList<DoctorFinding> findings = await FindAsync(options);
        Assert.That(findings, Has.Count.EqualTo(1), string.Join('\n', findings));
        return findings[0];
    }

    private async Task<IReadOnlyList<DoctorFinding>> FindAsync(
        CampfireDoctorOptions? options = null, CancellationToken cancellationToken = default) =>
        (await new CampfireDoctor(_emulator.ConnectionString, options).ExamineAsync(cancellationToken)).Findings;
}

using System.Net;
using System.Net.Sockets;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Doctor;

public sealed class DoctorTests
{
    private static string ConnectionString => DoctorSetUp.Emulator.ConnectionString;

    [Test]
    public async Task Data_source_serves_as_well_and_stays_open()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(ConnectionString);
        CampfireDoctor doctor = new(database);

        Assert.That((await doctor.ExamineAsync()).Findings, Is.Empty);
        Assert.That((await doctor.ExamineAsync()).Measurements, Is.Empty);
    }

    [Test]
    public async Task Settings_of_the_examination_do_not_outlive_it()
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(ConnectionString) { NoResetOnClose = true, MaxPoolSize = 1 }.ConnectionString);
        await new CampfireDoctor(database).ExamineAsync();

        await using NpgsqlConnection connection = await database.OpenConnectionAsync();
        Assert.That(
            await connection.ReadAsync<string>("select concat_ws(', ', current_setting('search_path'), current_setting('transaction_read_only'))"),
            Is.EqualTo("\"$user\", public, off"));
    }

    [Test]
    public async Task Database_without_migrations_has_one_finding()
    {
        await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { ApplyMigrations = false, Delays = EmulatorDelays.Fast });

        DoctorReport report = await new CampfireDoctor(emulator.ConnectionString).ExamineAsync();

        Assert.That(report.Findings.Select(finding => finding.Code), Is.EqualTo(new[] { "migration_pending" }));
    }

    [TestCase("Password", "wrong", CampfireMigrationErrorCode.AuthenticationFailed)]
    [TestCase("Database", "nowhere", CampfireMigrationErrorCode.DatabaseNotFound)]
    public void Refused_connection_has_its_code(string setting, string value, CampfireMigrationErrorCode code)
    {
        string wrong = new NpgsqlConnectionStringBuilder(ConnectionString) { [setting] = value }.ConnectionString;

        Assert.That(CodeOf(wrong), Is.EqualTo(code));
    }

    [Test]
    public void Server_that_is_not_there_has_its_code()
    {
        using Socket closed = new(SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)closed.LocalEndPoint!).Port;

        Assert.That(
            CodeOf(new NpgsqlConnectionStringBuilder(ConnectionString) { Port = port }.ConnectionString),
            Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
    }

    [Test]
    public async Task User_without_rights_is_told_to_connect_as_postgres()
    {
        await using NpgsqlDataSource admin = NpgsqlDataSource.Create(DoctorSetUp.Emulator.AdminConnectionString);
        await using NpgsqlCommand create = admin.CreateCommand("create role reader login password 'reader'");
        await create.ExecuteNonQueryAsync();
        string reader = new NpgsqlConnectionStringBuilder(ConnectionString) { Username = "reader", Password = "reader" }.ConnectionString;

        CampfireMigrationException? error = Assert.ThrowsAsync<CampfireMigrationException>(() => new CampfireDoctor(reader).ExamineAsync());

        Assert.That(error!.Code, Is.EqualTo(CampfireMigrationErrorCode.InsufficientRights));
        Assert.That(error.Message, Does.Contain("Connect as 'postgres'"));
    }

    [Test]
    public void Cancelled_examination_says_so() =>
        Assert.That(
            () => new CampfireDoctor(ConnectionString).ExamineAsync(new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());

    [Test]
    public void Options_out_of_range_are_refused()
    {
        Assert.That(() => Create(new() { CheckTimeout = TimeSpan.FromSeconds(-1) }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Create(new() { MaxReplicationLagBytes = -1 }), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Create(new() { CheckTimeout = TimeSpan.MaxValue }), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("CheckTimeout is from zero to 24 days"));
        Assert.That(() => Create(new() { LiveTimeout = TimeSpan.Zero }), Throws.InstanceOf<ArgumentOutOfRangeException>());

        static CampfireDoctor Create(CampfireDoctorOptions options) => new(ConnectionString, options);
    }

    private static CampfireMigrationErrorCode? CodeOf(string connectionString) =>
        Assert.ThrowsAsync<CampfireMigrationException>(() => new CampfireDoctor(connectionString).ExamineAsync())!.Code;
}

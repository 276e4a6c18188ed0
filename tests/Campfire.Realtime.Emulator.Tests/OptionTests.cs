using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.TestSupport;
using Docker.DotNet.Models;

namespace Campfire.Realtime.Emulator.Tests;

// Every wrong value is refused before anything is started, and told by its name.
public sealed class OptionTests
{
    private static readonly TimeSpan _longest = TimeSpan.FromDays(40);
    private static readonly TimeSpan _tick = TimeSpan.FromTicks(1);

    private static readonly TestCaseData<CampfireEmulatorOptions, string>[] _outOfRange =
    [
        new(new() { Port = -1 }, "Port"),
        new(new() { Port = 65536 }, "Port"),
        new(new() { Delays = new(TimeSpan.FromSeconds(-1), TimeSpan.Zero) }, "JoinError"),
        new(new() { Delays = new(TimeSpan.Zero, Timeout.InfiniteTimeSpan) }, "UpgradeError"),
        new(new() { Delays = new(TimeSpan.MaxValue, TimeSpan.Zero) }, "JoinError"),
        new(new() { Delays = new(TimeSpan.Zero, _longest + _tick) }, "UpgradeError"),
        new(new() { Limits = { MaxConcurrentUsers = -1 } }, "MaxConcurrentUsers"),
        new(new() { Limits = { MaxChannelsPerClient = -1 } }, "MaxChannelsPerClient"),
        new(new() { Limits = { MaxClientPresenceEventsPerWindow = -1 } }, "MaxClientPresenceEventsPerWindow"),
        new(new() { Limits = { MaxEventsPerSecond = 0 } }, "MaxEventsPerSecond"),
        new(new() { Limits = { MaxJoinsPerSecond = 0 } }, "MaxJoinsPerSecond"),
        new(new() { Limits = { MaxPresenceEventsPerSecond = 0 } }, "MaxPresenceEventsPerSecond"),
        new(new() { Limits = { MaxPayloadSizeInKilobytes = 0 } }, "MaxPayloadSizeInKilobytes"),
        new(new() { Limits = { MaxPayloadSizeInKilobytes = 1_000_001 } }, "MaxPayloadSizeInKilobytes"),
        new(new() { Limits = { MaxPayloadSizeInKilobytes = int.MaxValue } }, "MaxPayloadSizeInKilobytes"),
        new(new() { Limits = { MaxQueuedFramesPerSocket = 0 } }, "MaxQueuedFramesPerSocket"),
        new(new() { Limits = { ClientPresenceWindow = TimeSpan.Zero } }, "ClientPresenceWindow"),
        new(new() { Limits = { IdleTimeout = TimeSpan.FromSeconds(-1) } }, "IdleTimeout"),
        new(new() { Limits = { IdleTimeout = _longest + _tick } }, "IdleTimeout"),
        new(new() { Limits = { IdleTimeout = TimeSpan.MaxValue } }, "IdleTimeout"),
    ];

    private static readonly TestCaseData<CampfireEmulatorOptions, string>[] _contradictory =
    [
        new(new() { ConnectionString = "" }, "ConnectionString is empty"),
        new(new() { ConnectionString = " " }, "ConnectionString is empty"),
        new(new() { ConnectionString = "postgresql://me:s3cr3t@[" }, "ConnectionString cannot be read"),
        new(new() { ConnectionString = "Host=x;Passwort=s3cr3t" }, "ConnectionString cannot be read"),
        new(new() { TablesKeptOnReset = { " " } }, "TablesKeptOnReset holds an empty name"),
        new(new() { DataDirectory = "" }, "DataDirectory is empty"),
        new(new() { PostgresBinDirectory = "" }, "PostgresBinDirectory is empty"),
        new(new() { ConnectionString = "Host=x", DataDirectory = "y" }, "DataDirectory and ConnectionString exclude each other"),
        new(new() { ConnectionString = "Host=x", PostgresBinDirectory = "y" }, "PostgresBinDirectory and ConnectionString exclude each other"),
    ];

    private static readonly TestCaseData<CampfireEmulatorOptions, string>[] _missing =
    [
        new(new() { Delays = null! }, "Delays"),
        new(new() { Limits = null! }, "Limits"),
        new(new() { LoggerFactory = null! }, "LoggerFactory"),
        new(new() { TimeProvider = null! }, "TimeProvider"),
        new(new() { TablesKeptOnReset = null! }, "TablesKeptOnReset"),
    ];

    [TestCaseSource(nameof(_outOfRange))]
    public void A_value_out_of_range_is_told_with_the_range(CampfireEmulatorOptions options, string name)
    {
        var failure = Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => CampfireEmulator.StartAsync(options))!;

        Assert.That(failure.ParamName, Is.EqualTo(name));
    }

    [Test]
    public void The_least_and_the_largest_values_are_taken()
    {
        CampfireEmulatorOptions least = new()
        {
            Port = 0,
            Delays = new(TimeSpan.Zero, TimeSpan.Zero),
            Limits =
            {
                MaxConcurrentUsers = 0,
                MaxChannelsPerClient = 0,
                MaxClientPresenceEventsPerWindow = 0,
                MaxEventsPerSecond = 1,
                MaxJoinsPerSecond = 1,
                MaxPresenceEventsPerSecond = 1,
                MaxPayloadSizeInKilobytes = 1,
                MaxQueuedFramesPerSocket = 1,
                ClientPresenceWindow = _tick,
                IdleTimeout = _tick,
            },
        };
        CampfireEmulatorOptions largest = new()
        {
            Port = 65535,
            Delays = new(_longest, _longest),
            Limits =
            {
                MaxConcurrentUsers = int.MaxValue,
                MaxChannelsPerClient = int.MaxValue,
                MaxClientPresenceEventsPerWindow = int.MaxValue,
                MaxEventsPerSecond = int.MaxValue,
                MaxJoinsPerSecond = int.MaxValue,
                MaxPresenceEventsPerSecond = int.MaxValue,
                MaxPayloadSizeInKilobytes = 1_000_000,
                MaxQueuedFramesPerSocket = int.MaxValue,
                ClientPresenceWindow = _longest,
                IdleTimeout = _longest,
            },
        };

        Assert.That(least.Validated, Throws.Nothing);
        Assert.That(largest.Validated, Throws.Nothing);
    }

    [TestCaseSource(nameof(_contradictory))]
    public void An_empty_or_contradictory_value_is_told_with_the_remedy(CampfireEmulatorOptions options, string message) =>
        Assert.That(() => CampfireEmulator.StartAsync(options), Throws.ArgumentException.With.Message.Contain(message).And.Message.Not.Contain("s3cr3t").And.Property("InnerException").Null);

    [TestCaseSource(nameof(_missing))]
    public void A_null_is_told_by_its_name(CampfireEmulatorOptions options, string name) =>
        Assert.That(() => CampfireEmulator.StartAsync(options), Throws.ArgumentNullException.With.Property("ParamName").EqualTo(name));

    [TestCase(true)]
    [TestCase(false)]
    public void A_lifetime_beyond_all_dates_is_told(bool isLong)
    {
        TimeSpan lifetime = isLong ? TimeSpan.MaxValue : TimeSpan.MinValue;

        foreach (Action create in (Action[])[
            () => EmulatorFixture.Emulator.CreateAgentToken(Guid.NewGuid(), lifetime),
            () => EmulatorFixture.Emulator.CreateVisitorToken(Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), lifetime)])
        {
            Assert.That(create, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo("lifetime"));
        }
    }

    [Test]
    public void A_container_publishes_its_port_on_loopback_only()
    {
        var container = new CreateContainerParameters
        {
            HostConfig = new() { PortBindings = new Dictionary<string, IList<PortBinding>> { ["5432/tcp"] = [new() { HostPort = "0" }] } },
        };

        ContainerServer.BindToLoopback(container);

        Assert.That(container.HostConfig.PortBindings["5432/tcp"].Single().HostIP, Is.EqualTo("127.0.0.1"));
    }

    [Test]
    public void A_data_directory_that_is_a_file_is_told()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.FullPath, "thesis.txt");
        File.WriteAllText(file, "years of work");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { DataDirectory = file }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DataDirectoryUnusable));
        Assert.That(failure.Message, Does.Contain($"{file} is a file"));
        Assert.That(File.ReadAllText(file), Is.EqualTo("years of work"));
    }

    [Test]
    public void A_data_directory_below_a_file_is_told()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.FullPath, "thesis.txt");
        File.WriteAllText(file, "years of work");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { DataDirectory = Path.Combine(file, "data") }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DataDirectoryUnusable));
    }

    [Test]
    public void A_folder_of_binaries_that_does_not_exist_is_told()
    {
        using var folder = new TemporaryFolder();
        var missing = Path.Combine(folder.FullPath, "bin");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { PostgresBinDirectory = missing }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.PostgresNotFound));
        Assert.That(failure.Message, Does.Contain($"{missing} does not exist"));
    }

    [Test]
    public async Task Options_are_read_once()
    {
        var options = new CampfireEmulatorOptions { ApplyMigrations = false, TablesKeptOnReset = [] };
        await using var emulator = await CampfireEmulator.StartAsync(options);

        options.TablesKeptOnReset.Add("public.nothing");
        options.Limits.MaxConcurrentUsers = 0;

        await emulator.ResetAsync();
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
    }
}

using Campfire.Realtime.Migrations.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class HostTests : MigratorFixture
{
    private static readonly Action<ILoggingBuilder> _quiet = logging => logging.ClearProviders();

    [Test]
    public async Task Database_is_migrated_before_any_hosted_service_starts()
    {
        bool? earlier = null, later = null;
        using IHost host = Build(services => services
            .AddSingleton<IHostedService>(new StartingService(async () => earlier = await ExistsAsync("messages")))
            .AddCampfireMigrations(Emulator.ConnectionString)
            .AddSingleton<IHostedService>(new StartingService(async () => later = await ExistsAsync("messages"))));

        await host.StartAsync();

        Assert.That((earlier, later), Is.EqualTo(((bool?)true, (bool?)true)));
        Assert.That(await host.Services.GetRequiredService<CampfireMigrator>().GetPendingAsync(), Is.Empty);
        await host.StopAsync();
    }

    [Test]
    public async Task Hosts_that_start_together_migrate_once()
    {
        using IHost first = Build(services => services.AddCampfireMigrations(Emulator.ConnectionString));
        using IHost second = Build(services => services.AddCampfireMigrations(Emulator.ConnectionString));

        await Task.WhenAll(first.StartAsync(), second.StartAsync()).WaitAsync(Deadline);

        Assert.That(await ReadAsync<long>("select count(*) from campfire.migrations"), Is.EqualTo(CampfireMigrations.All.Count));
    }

    [Test]
    public void Second_database_of_one_host_is_refused()
    {
        ServiceCollection services = [];
        services.AddCampfireMigrations(Emulator.ConnectionString);

        Assert.That(() => services.AddCampfireMigrations(), Throws.InvalidOperationException.With.Message.Contains("CampfireMigrator"));
    }

    [Test]
    public async Task Data_source_of_the_container_is_used()
    {
        using IHost host = Build(services => services.AddSingleton(Database).AddCampfireMigrations());

        await host.StartAsync();

        Assert.That(await ExistsAsync("messages"), Is.True);
    }

    [Test]
    public void Container_without_a_data_source_names_the_remedy()
    {
        using IHost host = Build(services => services.AddCampfireMigrations());

        InvalidOperationException error = Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync())!;

        Assert.That(error.Message, Does.Contain("NpgsqlDataSource").And.Contain("connection string"));
    }

    [Test]
    public void Wrong_password_fails_the_start_with_its_code()
    {
        bool isStarted = false;
        NpgsqlConnectionStringBuilder wrong = new(Emulator.ConnectionString) { Password = "hunter2" };
        using IHost host = Build(services => services
            .AddCampfireMigrations(wrong.ConnectionString)
            .AddSingleton<IHostedService>(new StartingService(() => Task.FromResult(isStarted = true))));

        CampfireMigrationException error = ThrowsMigration(() => host.StartAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.AuthenticationFailed));
        Assert.That(error.ToString(), Does.Not.Contain("hunter2"));
        Assert.That(isStarted, Is.False);
    }

    [Test]
    public async Task Cancelling_the_start_ends_the_wait_for_another_migrator()
    {
        await using NpgsqlConnection other = await Database.OpenConnectionAsync();
        await other.ExecuteAsync("select pg_advisory_lock(x'43616D7066697265'::bigint)");
        using SignalLoggerFactory log = new("Another migrator");
        using IHost host = Build(services => services.AddSingleton<ILoggerFactory>(log).AddCampfireMigrations(Emulator.ConnectionString));
        using CancellationTokenSource cancellation = new();
        Task starting = host.StartAsync(cancellation.Token);
        await log.Signal.WaitAsync(Deadline);

        await cancellation.CancelAsync();

        Assert.CatchAsync<OperationCanceledException>(() => starting.WaitAsync(Deadline));
        await other.ExecuteAsync("select pg_advisory_unlock(x'43616D7066697265'::bigint)");
        Assert.That((await CreateMigrator(First).MigrateAsync().WaitAsync(Deadline)).Applied, Has.Count.EqualTo(1), "no lock was left");
    }

    [Test]
    public async Task Options_of_the_caller_are_kept()
    {
        using SignalLoggerFactory log = new("Applied");
        List<string> applied = [];
        using IHost host = Build(services => services.AddCampfireMigrations(Emulator.ConnectionString, options =>
        {
            options.LoggerFactory = log;
            options.Progress = new Progress(report => applied.Add(report.Migration.Name));
        }));

        await host.StartAsync();

        Assert.That(log.Signal.IsCompleted, Is.True);
        Assert.That(applied, Is.Not.Empty);
    }

    private static IHost Build(Action<IServiceCollection> configure) =>
        new HostBuilder().ConfigureLogging(_quiet).ConfigureServices(configure).Build();

    private sealed class StartingService(Func<Task> start) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => start();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Progress(Action<MigrationProgress> report) : IProgress<MigrationProgress>
    {
        public void Report(MigrationProgress value) => report(value);
    }
}

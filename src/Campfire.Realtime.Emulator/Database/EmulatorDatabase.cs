using Campfire.Realtime.Migrations;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Emulator.Database;

internal sealed class EmulatorDatabase : IAsyncDisposable
{
    private readonly IDatabaseServer _server;
    private readonly PartitionKeeper _partitions;

    private EmulatorDatabase(IDatabaseServer server, EmulatorSecrets secrets, CampfireEmulatorOptions options)
    {
        _server = server;
        OwnerConnectionString = As("postgres", secrets.PostgresPassword);
        Admin = NpgsqlDataSource.Create(AdminConnectionString);
        // So many calls wait for a connection that the server has some left for everybody else.
        Authenticator = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(As("authenticator", secrets.AuthenticatorPassword))
        {
            MaxPoolSize = 40,
            // How long a statement may take is the role's affair.
            CommandTimeout = 0,
        }.ConnectionString);
        Reset = new DatabaseReset(Admin, options.TablesKeptOnReset);
        _partitions = new PartitionKeeper(Admin, options.TimeProvider, options.LoggerFactory.CreateLogger<PartitionKeeper>());
    }

    // Without preparing by itself, here and below: Npgsql 10 loses its place in the protocol when such a statement is refused, and
    // what policies and functions are asked is refused a lot.
    public string AdminConnectionString => new NpgsqlConnectionStringBuilder(_server.AdminConnectionString)
    {
        ApplicationName = "campfire-realtime",
        MaxAutoPrepare = 0,
        MaxPoolSize = 20,
    }.ConnectionString;

    // As the role that Supabase gives to a project's owner.
    public string OwnerConnectionString { get; }

    public NpgsqlDataSource Admin { get; }

    // As the role that PostgREST logs in with.
    public NpgsqlDataSource Authenticator { get; }

    public DatabaseReset Reset { get; }

    public static async Task<EmulatorDatabase> StartAsync(
        CampfireEmulatorOptions options, ClusterFolder? folder, EmulatorSecrets secrets, CancellationToken cancellationToken)
    {
        var server = await StartServerAsync(options, folder, cancellationToken).ConfigureAwait(false);
        var database = new EmulatorDatabase(server, secrets, options);
        try
        {
            await database.SetPasswordsAsync(secrets, cancellationToken).ConfigureAwait(false);
            await database._partitions.StartAsync(cancellationToken).ConfigureAwait(false);
            if (options.ApplyMigrations)
                await database.MigrateAsync(options.LoggerFactory, cancellationToken).ConfigureAwait(false);
            return database;
        }
        catch
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // False when it was stopped already.
    public Task<bool> StopAsync(CancellationToken cancellationToken) => RequireOwnCluster().StopAsync(cancellationToken);

    // False when it is running.
    public async Task<bool> StartAgainAsync(CancellationToken cancellationToken)
    {
        if (!await RequireOwnCluster().StartAgainAsync(cancellationToken).ConfigureAwait(false))
            return false;
        // Whatever connections are left lead to the server that was.
        Admin.Clear();
        Authenticator.Clear();
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await _partitions.DisposeAsync().ConfigureAwait(false);
        await Authenticator.DisposeAsync().ConfigureAwait(false);
        await Admin.DisposeAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
    }

    private PrivateCluster RequireOwnCluster() => _server as PrivateCluster ?? throw new InvalidOperationException(
        "The database is not the emulator's own: it was named by a connection string, or runs in a container. " +
        "Stop it yourself, or start the emulator where PostgreSQL is installed and without a connection string.");

    private static async Task<IDatabaseServer> StartServerAsync(
        CampfireEmulatorOptions options, ClusterFolder? folder, CancellationToken cancellationToken)
    {
        if (options.ConnectionString is { } existing)
            return await ExistingServer.UseAsync(existing, cancellationToken).ConfigureAwait(false);

        var directories = options.PostgresBinDirectory is { } chosen ? [chosen] : PostgresInstallation.UsualDirectories();
        var installation = await PostgresInstallation.FindAsync(directories, folder?.MajorVersion, cancellationToken).ConfigureAwait(false);
        if (installation is not null)
            return await PrivateCluster.StartAsync(folder, installation, cancellationToken).ConfigureAwait(false);
        // A container keeps nothing between runs, and whoever names a folder wants to know that it is wrong.
        if (folder is null && options.PostgresBinDirectory is null
            && await ContainerServer.TryStartAsync(cancellationToken).ConfigureAwait(false) is { } container)
        {
            return container;
        }
        throw NotFound(options.PostgresBinDirectory, folder?.MajorVersion);
    }

    private static CampfireEmulatorException NotFound(string? searchedDirectory, int? neededVersion)
    {
        var version = neededVersion is null ? $"{PostgresInstallation.OldestMajorVersion} or newer" : $"{neededVersion}, which wrote this data directory,";
        var message = searchedDirectory is not null && !Directory.Exists(searchedDirectory)
            ? $"{searchedDirectory} does not exist. Name the folder that holds postgres, initdb and pg_ctl of PostgreSQL {version}, or none to have it searched."
            : searchedDirectory is not null
            ? $"{searchedDirectory} does not hold postgres, initdb and pg_ctl of PostgreSQL {version}."
            : $"PostgreSQL {version} was not found in PATH or the usual folders. Install it " +
              "(Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17; Windows: winget install PostgreSQL.PostgreSQL.17), " +
              "start Docker, or name a server with a connection string.";
        return new CampfireEmulatorException(CampfireEmulatorErrorCode.PostgresNotFound, message);
    }

    private async Task SetPasswordsAsync(EmulatorSecrets secrets, CancellationToken cancellationToken)
    {
        var command = Admin.CreateCommand($"""
            alter role postgres password '{ScramVerifier.Of(secrets.PostgresPassword)}';
            alter role authenticator password '{ScramVerifier.Of(secrets.AuthenticatorPassword)}';
            """);
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task MigrateAsync(ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        try
        {
            var migrator = new CampfireMigrator(OwnerConnectionString, new CampfireMigratorOptions { LoggerFactory = loggers });
            await migrator.MigrateAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireMigrationException failure)
        {
            throw new CampfireEmulatorException(CampfireEmulatorErrorCode.SetupFailed, $"The migrations failed: {failure.Message}", failure);
        }
    }

    private string As(string role, string password) => new NpgsqlConnectionStringBuilder(_server.AdminConnectionString)
    {
        Username = role,
        Password = password,
        MaxAutoPrepare = 0,
        IncludeErrorDetail = true,
    }.ConnectionString;
}

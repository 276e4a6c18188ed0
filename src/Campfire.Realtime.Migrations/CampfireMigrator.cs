using Campfire.Realtime.Migrations.Running;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Migrations;

/// <summary>Brings a Supabase database to the schema of this package.</summary>
/// <remarks>
/// <para>Each script runs in one transaction together with its entry in <c>campfire.migrations</c>, so an interrupted run
/// leaves a database that the next run continues. Several migrators may start at once: one runs, the others wait and then
/// find nothing to do.</para>
/// <para>Connect as <c>postgres</c>, directly or through the pooler in session mode; a pooler in transaction mode cannot
/// hold the lock that keeps migrators apart.</para>
/// <para>Instances are thread-safe and hold no connection between calls.</para>
/// </remarks>
public sealed partial class CampfireMigrator
{
    private readonly Func<NpgsqlConnection> _createConnection;
    private readonly CampfireMigratorOptions _options;
    private readonly IReadOnlyList<CampfireMigration> _migrations;
    private readonly ILogger _logger;

    /// <summary>Creates a migrator for the database of a connection string.</summary>
    /// <param name="connectionString">A URI <c>postgresql://…</c> or an Npgsql connection string.</param>
    /// <param name="options">The settings, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException"><paramref name="connectionString"/> is empty or not a connection string.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A time of <paramref name="options"/> is out of its range.</exception>
    public CampfireMigrator(string connectionString, CampfireMigratorOptions? options = null)
        : this(connectionString, options, CampfireMigrations.All)
    {
    }

    /// <summary>Creates a migrator for the database of a data source.</summary>
    /// <param name="dataSource">Where connections come from; it stays the caller's to dispose.</param>
    /// <param name="options">The settings, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A time of <paramref name="options"/> is out of its range.</exception>
    public CampfireMigrator(NpgsqlDataSource dataSource, CampfireMigratorOptions? options = null)
        : this(dataSource, options, CampfireMigrations.All)
    {
    }

    internal CampfireMigrator(
        string connectionString, CampfireMigratorOptions? options, IReadOnlyList<CampfireMigration> migrations)
        : this(CreateFactory(connectionString), options, migrations)
    {
    }

    internal CampfireMigrator(
        NpgsqlDataSource dataSource, CampfireMigratorOptions? options, IReadOnlyList<CampfireMigration> migrations)
        : this((dataSource ?? throw new ArgumentNullException(nameof(dataSource))).CreateConnection, options, migrations)
    {
    }

    private CampfireMigrator(
        Func<NpgsqlConnection> createConnection, CampfireMigratorOptions? options, IReadOnlyList<CampfireMigration> migrations)
    {
        _createConnection = createConnection;
        _options = options ?? new CampfireMigratorOptions();
        MaxTimeout.Check(_options.ScriptTimeout, nameof(options));
        MaxTimeout.Check(_options.PreviewLockTimeout, nameof(options));
        _migrations = migrations;
        _logger = _options.LoggerFactory.CreateLogger<CampfireMigrator>();
    }

    /// <summary>Applies the scripts that the database does not have yet.</summary>
    /// <param name="cancellationToken">Ends the wait for another migrator, or the running script, which is rolled back.</param>
    /// <returns>What was applied.</returns>
    /// <exception cref="CampfireMigrationException">The database could not be migrated; the code and the message say why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<MigrationResult> MigrateAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = _createConnection();
        await using (connection.ConfigureAwait(false))
        {
            MigrationSession session = new(connection, _options.ScriptTimeout);
            await session.OpenAsync(cancellationToken).ConfigureAwait(false);
            if (!await session.TryLockAsync(cancellationToken).ConfigureAwait(false))
            {
                WaitingForOtherMigrator();
                await session.LockAsync(cancellationToken).ConfigureAwait(false);
            }

            try
            {
                return await ApplyPendingAsync(session, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                await session.UnlockAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Returns the scripts that <see cref="MigrateAsync"/> would apply; changes nothing.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The scripts in running order; empty when the database is current.</returns>
    /// <exception cref="CampfireMigrationException">The database cannot be migrated; the code and the message say why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<IReadOnlyList<CampfireMigration>> GetPendingAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = _createConnection();
        await using (connection.ConfigureAwait(false))
        {
            MigrationSession session = new(connection, _options.ScriptTimeout);
            await session.OpenAsync(cancellationToken).ConfigureAwait(false);
            return await PlanAsync(session, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Tries the scripts that <see cref="MigrateAsync"/> would apply, in one transaction that is rolled back.</summary>
    /// <remarks>
    /// <para>Until it ends, it holds the locks that the scripts take: nobody else can use the tables that they change. On a database in
    /// use it gives up rather than keep others waiting for long, see <see cref="CampfireMigratorOptions.PreviewLockTimeout"/>; but
    /// once it has its locks it keeps them for as long as the scripts run, and what they write and take back is left to vacuum.</para>
    /// <para><see cref="GetPendingAsync"/> only compares names and checksums, and takes no locks.</para>
    /// </remarks>
    /// <param name="cancellationToken">Ends the call; what was tried is rolled back.</param>
    /// <returns>The pending scripts, and which of them could not be tried.</returns>
    /// <exception cref="CampfireMigrationException">The database cannot be migrated; the code and the message say why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<MigrationPreview> PreviewAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = _createConnection();
        await using (connection.ConfigureAwait(false))
        {
            MigrationSession session = new(connection, _options.ScriptTimeout);
            await session.OpenAsync(cancellationToken).ConfigureAwait(false);
            NpgsqlTransaction transaction = await session.BeginPreviewAsync(_options.PreviewLockTimeout, cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
                return await TryPendingAsync(session, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Returns the state of every script of this package and of the database's journal; changes nothing.</summary>
    /// <remarks>A read-only session is enough. A user whom row level security keeps from <c>campfire.migrations</c> gets an error.</remarks>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>One entry for each script, by name.</returns>
    /// <exception cref="CampfireMigrationException">The journal could not be read; the code and the message say why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<IReadOnlyList<MigrationStatus>> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = _createConnection();
        await using (connection.ConfigureAwait(false))
        {
            MigrationSession session = new(connection, _options.ScriptTimeout);
            await session.OpenForReadingAsync(cancellationToken).ConfigureAwait(false);
            return MigrationPlan.Describe(_migrations, await session.ReadJournalAsync(cancellationToken).ConfigureAwait(false));
        }
    }

    private async Task<MigrationResult> ApplyPendingAsync(MigrationSession session, CancellationToken cancellationToken)
    {
        IReadOnlyList<CampfireMigration> pending = await PlanAsync(session, cancellationToken).ConfigureAwait(false);
        if (pending.Count == 0)
        {
            UpToDate(_migrations.Count);
            return new MigrationResult(pending);
        }

        for (int index = 0; index < pending.Count; index++)
        {
            CampfireMigration migration = pending[index];
            Applying(migration.Name, index + 1, pending.Count);
            _options.Progress?.Report(new(migration, index + 1, pending.Count, IsApplied: false));
            await session.ApplyAsync(migration, createJournal: index == 0, cancellationToken).ConfigureAwait(false);
            _options.Progress?.Report(new(migration, index + 1, pending.Count, IsApplied: true));
        }

        await session.ReloadPostgrestAsync(cancellationToken).ConfigureAwait(false);
        Migrated(pending.Count);
        return new MigrationResult(pending);
    }

    private async Task<MigrationPreview> TryPendingAsync(MigrationSession session, CancellationToken cancellationToken)
    {
        IReadOnlyList<CampfireMigration> pending = await PlanAsync(session, cancellationToken).ConfigureAwait(false);
        int tried = 0;
        try
        {
            for (; tried < pending.Count; tried++)
                await session.TryAsync(pending[tried], createJournal: tried == 0, cancellationToken).ConfigureAwait(false);
        }
        catch (CampfireMigrationException exception) when (tried > 0 && MigrationFaults.NeedsCommit(exception))
        {
            // No fault of the script: applied one by one, those before it are committed when it runs.
        }

        Previewed(tried, pending.Count);
        return new MigrationPreview(pending, [.. pending.Skip(tried)]);
    }

    private async Task<IReadOnlyList<CampfireMigration>> PlanAsync(MigrationSession session, CancellationToken cancellationToken) =>
        MigrationPlan.FindPending(_migrations, await session.ReadJournalAsync(cancellationToken).ConfigureAwait(false));

    internal static Func<NpgsqlConnection> CreateFactory(string connectionString)
    {
        string pairs = PostgresUri.ToConnectionString(connectionString);
        string unpooled;
        try
        {
            unpooled = new NpgsqlConnectionStringBuilder(pairs)
            {
                // The lock belongs to the session, so the session must end with the run.
                Pooling = false,

                // The obstacles to an adoption are in the detail of an error.
                IncludeErrorDetail = true,
            }.ConnectionString;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw new ArgumentException(
                "The connection string cannot be read. Pass a URI (postgresql://user:password@host:port/database) or pairs (Host=…;Username=…;Password=…;Database=…).",
                nameof(connectionString),
                e);
        }

        return () => new NpgsqlConnection(unpooled);
    }
}

using Campfire.Realtime.Migrations.Examining;
using Campfire.Realtime.Migrations.Running;
using Npgsql;

namespace Campfire.Realtime.Migrations;

/// <summary>Examines whether a database is as the migrations left it, and says how to put right what is not.</summary>
/// <remarks>
/// <para>What belongs to the application, such as further tables, columns, policies and triggers, is left alone, unless it
/// opens our tables to everybody.</para>
/// <para>Connect as <c>postgres</c>. Instances are thread-safe and hold no connection between calls.</para>
/// </remarks>
public sealed partial class CampfireDoctor
{
    private readonly Func<NpgsqlConnection> _createConnection;
    private readonly CampfireDoctorOptions _options;

    /// <summary>Creates a doctor for the database of a connection string.</summary>
    /// <param name="connectionString">A URI <c>postgresql://…</c> or an Npgsql connection string.</param>
    /// <param name="options">The settings, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException"><paramref name="connectionString"/> is empty or not a connection string.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A duration or the lag is out of its range.</exception>
    public CampfireDoctor(string connectionString, CampfireDoctorOptions? options = null)
        : this(CampfireMigrator.CreateFactory(connectionString), options)
    {
    }

    /// <summary>Creates a doctor for the database of a data source.</summary>
    /// <param name="dataSource">Where connections come from; it stays the caller's to dispose.</param>
    /// <param name="options">The settings, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A duration or the lag is out of its range.</exception>
    public CampfireDoctor(NpgsqlDataSource dataSource, CampfireDoctorOptions? options = null)
        : this((dataSource ?? throw new ArgumentNullException(nameof(dataSource))).CreateConnection, options)
    {
    }

    private CampfireDoctor(Func<NpgsqlConnection> createConnection, CampfireDoctorOptions? options)
    {
        _createConnection = createConnection;
        _options = options ?? new CampfireDoctorOptions();
        MaxTimeout.Check(_options.CheckTimeout, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.MaxReplicationLagBytes, nameof(options));
        MaxTimeout.Check(_options.LiveTimeout, nameof(options));
        ArgumentOutOfRangeException.ThrowIfEqual(_options.LiveTimeout, TimeSpan.Zero, nameof(options));
    }

    /// <summary>Runs every check on the database, in a transaction that can only read.</summary>
    /// <remarks>
    /// While migrations are missing, or a newer package has been here, only the checks of Supabase itself are run: the others
    /// describe the schema of this package's migrations.
    /// </remarks>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The findings; none for a database that is as the migrations left it.</returns>
    /// <exception cref="CampfireMigrationException">The database could not be examined; the code and the message say why.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<DoctorReport> ExamineAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = _createConnection();
        await using (connection.ConfigureAwait(false))
        {
            DatabaseExamination examination = new(connection, _options, CampfireMigrations.All);
            return new(await examination.RunReadOnlyAsync(cancellationToken).ConfigureAwait(false), []);
        }
    }
}

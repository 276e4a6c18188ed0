using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.Emulator.Hosting;
using Npgsql;

namespace Campfire.Realtime.Emulator;

/// <summary>
/// A local double of a Supabase project: a real PostgreSQL, Realtime and PostgREST's RPC, on loopback and without Docker.
/// </summary>
/// <remarks>Members may be used from any thread. Disposing stops the server and removes a temporary database.</remarks>
public sealed class CampfireEmulator : IAsyncDisposable
{
    private static readonly TimeSpan _defaultTokenLifetime = TimeSpan.FromHours(1);

    // A client on the same machine answers a close frame within a millisecond; who does not answer has it all the same.
    private static readonly TimeSpan _closePatience = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan _streamPatience = TimeSpan.FromSeconds(5);

    private readonly EmulatorSecrets _secrets;
    private readonly EmulatorDatabase _database;
    private readonly EmulatorHost _host;
    private readonly JwtSigner _signer;
    private readonly TimeProvider _time;
    private int _isResetting;
    private int _isDisposed;

    private CampfireEmulator(EmulatorSecrets secrets, EmulatorDatabase database, EmulatorHost host, TimeProvider time)
    {
        _secrets = secrets;
        _database = database;
        _host = host;
        _time = time;
        _signer = new JwtSigner(secrets.JwtSecret);
    }

    /// <summary>The project's URL, <c>http://127.0.0.1:{port}</c>, as a Supabase client takes it.</summary>
    public Uri Url => _host.Url;

    /// <summary>The long-lived JWT of the role <c>anon</c>.</summary>
    public string AnonKey => _secrets.AnonKey;

    /// <summary>The long-lived JWT of the role <c>service_role</c>, which bypasses row level security.</summary>
    public string ServiceKey => _secrets.ServiceKey;

    /// <summary>The opaque key that the gateway takes for <see cref="AnonKey"/>.</summary>
    public string PublishableKey => _secrets.PublishableKey;

    /// <summary>The opaque key that the gateway takes for <see cref="ServiceKey"/>.</summary>
    public string SecretKey => _secrets.SecretKey;

    /// <summary>The secret that signs every token (HS256).</summary>
    public string JwtSecret => _secrets.JwtSecret;

    /// <summary>An Npgsql connection string of the project's owner, the role <c>postgres</c>, which is not a superuser.</summary>
    public string ConnectionString => _database.OwnerConnectionString;

    // The cluster's superuser, which no program on Supabase is.
    internal string AdminConnectionString => _database.AdminConnectionString;

    /// <summary><see cref="ConnectionString"/> as a URI that psql takes.</summary>
    public Uri DatabaseUri
    {
        get
        {
            var parts = new NpgsqlConnectionStringBuilder(ConnectionString);
            return new Uri($"postgresql://{parts.Username}:{parts.Password}@{parts.Host}:{parts.Port}/{parts.Database}");
        }
    }

    /// <summary>Faults on request, to prove how a program stands them.</summary>
    public EmulatorFaults Faults => _host.Faults;

    /// <summary>Starts an emulator and waits until it serves.</summary>
    /// <param name="options">How it is started; <see langword="null"/> for a temporary one on a free port.</param>
    /// <param name="cancellationToken">Gives the start up.</param>
    /// <returns>The running emulator.</returns>
    /// <exception cref="CampfireEmulatorException">It could not start; the message names the cause and the remedy.</exception>
    /// <exception cref="ArgumentException">An option is out of range or contradicts another.</exception>
    public static async Task<CampfireEmulator> StartAsync(
        CampfireEmulatorOptions? options = null, CancellationToken cancellationToken = default)
    {
        var valid = (options ?? new CampfireEmulatorOptions()).Validated();
        var folder = valid.DataDirectory is { } directory ? ClusterFolder.OpenPermanent(directory) : null;
        EmulatorDatabase? database = null;
        try
        {
            var secrets = folder is null ? EmulatorSecrets.Create(valid.TimeProvider) : EmulatorSecrets.LoadOrCreate(folder.FullPath, valid.TimeProvider);
            database = await EmulatorDatabase.StartAsync(valid, folder, secrets, cancellationToken).ConfigureAwait(false);
            var host = await EmulatorHost.StartAsync(valid, secrets, database, cancellationToken).ConfigureAwait(false);
            return new CampfireEmulator(secrets, database, host, valid.TimeProvider);
        }
        catch
        {
            if (database is not null)
                await database.DisposeAsync().ConfigureAwait(false);
            else if (folder is not null)
                await folder.ReleaseAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Creates the token of a signed-in agent: role <c>authenticated</c>, <c>sub</c> the user's id.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="lifetime">How long the token is valid; one hour by default. Zero or less makes one that has expired.</param>
    /// <returns>A signed JWT.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It would expire before the year 1 or after 9999.</exception>
    public string CreateAgentToken(Guid userId, TimeSpan? lifetime = null) => CreateToken(new JsonObject
    {
        ["aud"] = "authenticated",
        ["role"] = "authenticated",
        ["sub"] = userId.ToString("D"),
        ["iat"] = _time.GetUtcNow().ToUnixTimeSeconds(),
        ["exp"] = ExpiryIn(lifetime),
    });

    /// <summary>Creates the token of a widget's visitor: role <c>anon</c>, bound to one conversation.</summary>
    /// <param name="organizationId">The organization.</param>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="visitorId">The visitor.</param>
    /// <param name="lifetime">How long the token is valid; one hour by default. Zero or less makes one that has expired.</param>
    /// <returns>A signed JWT.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It would expire before the year 1 or after 9999.</exception>
    public string CreateVisitorToken(Guid organizationId, Guid conversationId, Guid visitorId, TimeSpan? lifetime = null) => CreateToken(new JsonObject
    {
        ["role"] = "anon",
        ["sub"] = visitorId.ToString("D"),
        ["iat"] = _time.GetUtcNow().ToUnixTimeSeconds(),
        ["exp"] = ExpiryIn(lifetime),
        ["campfire"] = new JsonObject
        {
            ["kind"] = "visitor",
            ["org"] = organizationId.ToString("D"),
            ["conv"] = conversationId.ToString("D"),
        },
    });

    /// <summary>Signs any claims, also wrong ones, with <see cref="JwtSecret"/>.</summary>
    /// <param name="claims">The claims as they shall stand in the token.</param>
    /// <returns>A signed JWT.</returns>
    public string CreateToken(JsonObject claims)
    {
        ArgumentNullException.ThrowIfNull(claims);
        return _signer.Sign(claims);
    }

    /// <summary>Takes away what a test left behind, in milliseconds, so that the next one may use the same emulator.</summary>
    /// <remarks>
    /// <para>
    /// Goes: every row of every table, Campfire's and the application's, and the stored broadcasts; sequences begin anew, and
    /// <c>campfire.settings</c> has its defaults. Every socket is closed with 1000, and with it channels and presence; a
    /// <c>CampfireClient</c> that is still in use connects again by itself. Planned faults and their record are cleared.
    /// What a fault held back is delivered before; any other broadcast that was on its way reaches nobody.
    /// </para>
    /// <para>
    /// Stays: the schema with functions and policies, the journals of migrations, the tables of
    /// <see cref="CampfireEmulatorOptions.TablesKeptOnReset"/>, the keys, and the tokens that were issued.
    /// </para>
    /// <para>Tests that share an emulator and reset it take turns.</para>
    /// </remarks>
    /// <param name="cancellationToken">Gives the reset up; the database is emptied as a whole or not at all.</param>
    /// <returns>A task that ends when the emulator is as new.</returns>
    /// <exception cref="CampfireEmulatorException">
    /// <see cref="CampfireEmulatorErrorCode.ResetFailed"/>: a transaction that was left open held locks for five seconds, a
    /// table to be kept does not exist, the database cannot be reached, or its stream did not follow; the message names the cause
    /// and the remedy.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another reset is under way.</exception>
    /// <exception cref="ObjectDisposedException">The emulator was disposed.</exception>
    public async Task ResetAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        if (Interlocked.Exchange(ref _isResetting, 1) != 0)
        {
            throw new InvalidOperationException(
                "Another reset of this emulator is under way. Tests that reset a shared emulator must not run in parallel: let them take turns, or give each an emulator of its own.");
        }
        try
        {
            // First, so that no fault keeps a socket from being closed. A closing one neither receives nor is heard any more.
            Faults.Clear();
            await Task.WhenAll(_host.ResetAsync(_closePatience), EmptyDatabaseAsync(cancellationToken)).ConfigureAwait(false);
            // Who came meanwhile would be joined to what is gone.
            await _host.ResetAsync(_closePatience).ConfigureAwait(false);
        }
        catch (TimeoutException slow)
        {
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.ResetFailed,
                "The database was reset, but broadcasts of before may still arrive: the replication stream did not follow within " +
                $"{_streamPatience.TotalSeconds:0} seconds. Await what a test writes before the reset, or start a new emulator.",
                slow);
        }
        finally
        {
            Volatile.Write(ref _isResetting, 0);
        }
    }

    /// <summary>Stops the server and removes what it does not keep. Further calls do nothing.</summary>
    /// <returns>A task that ends when nothing runs any more.</returns>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        await _host.DisposeAsync().ConfigureAwait(false);
        await _database.DisposeAsync().ConfigureAwait(false);
    }

    private async Task EmptyDatabaseAsync(CancellationToken cancellationToken)
    {
        var marker = "campfire-reset-" + Guid.NewGuid().ToString("N");
        var passed = _host.PassedAsync(marker);
        await _database.Reset.RunAsync(marker, cancellationToken).ConfigureAwait(false);
        await passed.WaitAsync(_streamPatience, TimeProvider.System, cancellationToken).ConfigureAwait(false);
    }

    private long ExpiryIn(TimeSpan? lifetime)
    {
        var (now, given) = (_time.GetUtcNow(), lifetime ?? _defaultTokenLifetime);
        if (given > DateTimeOffset.MaxValue - now || given < DateTimeOffset.MinValue - now)
            throw new ArgumentOutOfRangeException(nameof(lifetime), lifetime, "The token would expire before the year 1 or after 9999.");
        return (now + given).ToUnixTimeSeconds();
    }
}

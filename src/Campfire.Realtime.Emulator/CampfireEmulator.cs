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
    private readonly EmulatorSecrets _secrets;
    private readonly EmulatorDatabase _database;
    private readonly EmulatorHost _host;
    private readonly JwtSigner _signer;
    private readonly TimeProvider _time;
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
    /// <param name="lifetime">How long the token is valid; one hour by default.</param>
    /// <returns>A signed JWT.</returns>
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
    /// <param name="lifetime">How long the token is valid; one hour by default.</param>
    /// <returns>A signed JWT.</returns>
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

    /// <summary>Stops the server and removes what it does not keep. Further calls do nothing.</summary>
    /// <returns>A task that ends when nothing runs any more.</returns>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        await _host.DisposeAsync().ConfigureAwait(false);
        await _database.DisposeAsync().ConfigureAwait(false);
    }

    private long ExpiryIn(TimeSpan? lifetime) => (_time.GetUtcNow() + (lifetime ?? _defaultTokenLifetime)).ToUnixTimeSeconds();
}

using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Conformance.Tests;

// The server under test: a "campfire up" of our own, or the Supabase that the CAMPFIRE_… variables name. Either way the
// tests know addresses, keys and a database, and nothing else.
[SetUpFixture]
public sealed class Target
{
    private static CampfireProcess? _campfire;

    // The root of the server; the paths below are relative to it.
    public static Uri RealtimeUrl { get; private set; } = null!;

    // The bare Realtime server has other paths than the gateway.
    public static string SocketPath { get; private set; } = "/realtime/v1/websocket";

    public static string ApiPath { get; private set; } = "/realtime/v1/api";

    public static Uri RestUrl { get; private set; } = null!;

    public static string AnonKey { get; private set; } = "";

    public static string ServiceKey { get; private set; } = "";

    // Whether these tests started it themselves.
    public static bool IsEmulator => _campfire is not null;

    private static string JwtSecret { get; set; } = "";

    private static string Database { get; set; } = "";

    [OneTimeSetUp]
    public async Task Start()
    {
        if (Variable("CAMPFIRE_SUPABASE_URL") is { } url)
        {
            Locate(new Uri(url), Variable("CAMPFIRE_REALTIME_URL"), Variable("CAMPFIRE_REST_URL"));
            AnonKey = Required("CAMPFIRE_ANON_KEY");
            ServiceKey = Required("CAMPFIRE_SERVICE_KEY");
            JwtSecret = Required("CAMPFIRE_JWT_SECRET");
            Database = ConnectionStringOf(Required("CAMPFIRE_DB"));
        }
        else
        {
            _campfire = CampfireProcess.Start(Path.GetTempPath(), "up", "--port", "0", "--json", "--no-migrate");
            var ready = await _campfire.ReadyAsync();
            Locate(new Uri((string)ready["url"]!), realtimeUrl: null, restUrl: null);
            AnonKey = (string)ready["anon_key"]!;
            ServiceKey = (string)ready["service_key"]!;
            JwtSecret = (string)ready["jwt_secret"]!;
            Database = ConnectionStringOf((string)ready["db"]!);
        }
        await ExecuteAsync("""
            drop policy if exists conformance_read on realtime.messages;
            drop policy if exists conformance_write on realtime.messages;
            create policy conformance_read on realtime.messages for select to authenticated
                using (realtime.topic() like '%:' || (current_setting('request.jwt.claims')::jsonb ->> 'sub') || '%');
            create policy conformance_write on realtime.messages for insert to authenticated
                with check (realtime.topic() like 'user:' || (current_setting('request.jwt.claims')::jsonb ->> 'sub') || '%');
            """);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        try
        {
            if (Database.Length > 0)
                await ExecuteAsync("drop policy if exists conformance_read on realtime.messages; drop policy if exists conformance_write on realtime.messages");
        }
        finally
        {
            if (_campfire is not null)
            {
                _campfire.Terminate();
                await _campfire.EndedAsync();
                _campfire.Dispose();
            }
        }
    }

    // A token that may read and write "user:<sub>…" and read "read:<sub>…".
    public static string TokenFor(string subject, TimeSpan? lifetime = null) => Sign(new JsonObject
    {
        ["role"] = "authenticated",
        ["sub"] = subject,
        ["exp"] = (DateTimeOffset.UtcNow + (lifetime ?? TimeSpan.FromHours(1))).ToUnixTimeSeconds(),
    });

    public static string Sign(JsonObject claims, string? secret = null, string header = """{"alg":"HS256","typ":"JWT"}""")
    {
        var signed = $"{Encode(header)}.{Encode(claims.ToJsonString())}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret ?? JwtSecret), Encoding.UTF8.GetBytes(signed)))}";
    }

    public static Task<PlainSocket> ConnectAsync(string? vsn = "2.0.0") => PlainSocket.ConnectAsync(RealtimeUrl, AnonKey, vsn, SocketPath);

    public static Task<UpgradeRefusal> RefusalAsync(string query, string? apiKeyHeader = null) =>
        UpgradeRefusal.ReadAsync(new Uri(RealtimeUrl, SocketPath + query), apiKeyHeader);

    public static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    // As clients take it: a Realtime address ends before "/websocket".
    private static void Locate(Uri url, string? realtimeUrl, string? restUrl)
    {
        RealtimeUrl = url;
        RestUrl = new Uri(restUrl ?? $"{url.OriginalString.TrimEnd('/')}/rest/v1");
        if (realtimeUrl is null)
            return;
        RealtimeUrl = new Uri(realtimeUrl);
        var path = RealtimeUrl.AbsolutePath.TrimEnd('/');
        SocketPath = path + "/websocket";
        ApiPath = (path.EndsWith("/socket", StringComparison.Ordinal) ? path[..^"/socket".Length] : path) + "/api";
    }

    // A URI, as Supabase and campfire print it, or what Npgsql takes.
    private static string ConnectionStringOf(string database)
    {
        if (!Uri.TryCreate(database, UriKind.Absolute, out var uri) || !uri.Scheme.StartsWith("postgres", StringComparison.Ordinal))
            return database;
        var credentials = uri.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.IsDefaultPort || uri.Port < 0 ? 5432 : uri.Port,
            Username = Uri.UnescapeDataString(credentials[0]),
            Password = credentials.Length > 1 ? Uri.UnescapeDataString(credentials[1]) : null,
            Database = uri.AbsolutePath.TrimStart('/'),
        }.ConnectionString;
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string Required(string name) => Variable(name) ?? throw new InvalidOperationException($"CAMPFIRE_SUPABASE_URL is set, so {name} is needed too.");
}

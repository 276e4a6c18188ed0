using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Conformance.Tests;

// The server under test: an emulator, or the Supabase that the variables name. The tests know only what is here.
[SetUpFixture]
public sealed class Target
{
    private static CampfireEmulator? _emulator;

    // The bare Realtime server has other paths than the gateway.
    public static Uri RealtimeUrl { get; private set; } = null!;

    public static string AnonKey { get; private set; } = "";

    public static string ServiceKey { get; private set; } = "";

    public static bool IsEmulator => _emulator is not null;

    private static string JwtSecret { get; set; } = "";

    private static string Database { get; set; } = "";

    [OneTimeSetUp]
    public async Task Start()
    {
        if (Variable("CAMPFIRE_SUPABASE_URL") is { } url)
        {
            RealtimeUrl = new Uri(Variable("CAMPFIRE_REALTIME_URL") ?? url);
            AnonKey = Required("CAMPFIRE_ANON_KEY");
            ServiceKey = Required("CAMPFIRE_SERVICE_KEY");
            JwtSecret = Required("CAMPFIRE_JWT_SECRET");
            Database = Required("CAMPFIRE_DB");
        }
        else
        {
            _emulator = await CampfireEmulator.StartAsync(new CampfireEmulatorOptions { Delays = EmulatorDelays.Fast, ApplyMigrations = false });
            RealtimeUrl = _emulator.Url;
            AnonKey = _emulator.AnonKey;
            ServiceKey = _emulator.ServiceKey;
            JwtSecret = _emulator.JwtSecret;
            Database = _emulator.ConnectionString;
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
        await ExecuteAsync("drop policy if exists conformance_read on realtime.messages; drop policy if exists conformance_write on realtime.messages");
        if (_emulator is not null)
            await _emulator.DisposeAsync();
    }

    // A token that may read and write "user:<sub>…" and read "read:<sub>…".
    public static string TokenFor(string subject, TimeSpan? lifetime = null) => Sign(new JsonObject
    {
        ["role"] = "authenticated",
        ["sub"] = subject,
        ["exp"] = (DateTimeOffset.UtcNow + (lifetime ?? TimeSpan.FromHours(1))).ToUnixTimeSeconds(),
    });

    public static string Sign(JsonObject claims, string? secret = null)
    {
        var signed = $"{Encode("""{"alg":"HS256","typ":"JWT"}""")}.{Encode(claims.ToJsonString())}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret ?? JwtSecret), Encoding.UTF8.GetBytes(signed)))}";
    }

    public static Task<PlainSocket> ConnectAsync(string vsn = "2.0.0") => PlainSocket.ConnectAsync(RealtimeUrl, AnonKey, vsn);

    public static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static string Required(string name) => Variable(name) ?? throw new InvalidOperationException($"CAMPFIRE_SUPABASE_URL is set, so {name} is needed too.");
}

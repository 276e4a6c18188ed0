using Campfire.Realtime.Emulator;
using Campfire.Realtime.Migrations;

namespace QuickStart;

/// <summary>The Supabase project that the run talks to: the emulator, or what the CAMPFIRE_… variables name.</summary>
internal sealed record SupabaseTarget(
    Uri Url, Uri? RealtimeUrl, Uri? RestUrl, string AnonKey, string ServiceKey, string JwtSecret, string Database, CampfireEmulator? Emulator) : IAsyncDisposable
{
    public static async Task<SupabaseTarget> StartEmulatorAsync(CancellationToken cancellationToken)
    {
        // --messages may ask for more than a project's 100 events per second.
        CampfireEmulator emulator = await CampfireEmulator.StartAsync(
            new CampfireEmulatorOptions { ApplyMigrations = false, Limits = new EmulatorLimits { MaxEventsPerSecond = 100_000 } }, cancellationToken);
        return Of(emulator);
    }

    public static SupabaseTarget Of(CampfireEmulator emulator) => new(
        emulator.Url, null, null, emulator.AnonKey, emulator.ServiceKey, emulator.JwtSecret, emulator.ConnectionString, emulator);

    public static SupabaseTarget FromEnvironment()
    {
        string[] names = ["CAMPFIRE_SUPABASE_URL", "CAMPFIRE_ANON_KEY", "CAMPFIRE_SERVICE_KEY", "CAMPFIRE_JWT_SECRET", "CAMPFIRE_DB"];
        string[] missing = [.. names.Where(name => string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(name)))];
        if (missing.Length > 0)
            throw new QuickStartException($"--supabase needs these environment variables: {string.Join(", ", missing)}. CAMPFIRE_REALTIME_URL and CAMPFIRE_REST_URL are optional.");

        return new SupabaseTarget(
            Address("CAMPFIRE_SUPABASE_URL")!,
            Address("CAMPFIRE_REALTIME_URL"),
            Address("CAMPFIRE_REST_URL"),
            Environment.GetEnvironmentVariable("CAMPFIRE_ANON_KEY")!,
            Environment.GetEnvironmentVariable("CAMPFIRE_SERVICE_KEY")!,
            Environment.GetEnvironmentVariable("CAMPFIRE_JWT_SECRET")!,
            PostgresUri.ToConnectionString(Environment.GetEnvironmentVariable("CAMPFIRE_DB")!),
            Emulator: null);
    }

    public ValueTask DisposeAsync() => Emulator?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static Uri? Address(string name)
    {
        string? value = Environment.GetEnvironmentVariable(name);
        if (string.IsNullOrWhiteSpace(value))
            return null;

        return Uri.TryCreate(value, UriKind.Absolute, out Uri? address) ? address : throw new QuickStartException($"{name} is no absolute URL.");
    }
}

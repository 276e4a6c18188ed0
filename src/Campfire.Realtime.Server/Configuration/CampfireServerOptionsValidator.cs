using System.Text;
using Campfire.Realtime.Tokens;
using Campfire.Realtime.Protocol;
using Microsoft.Extensions.Options;

namespace Campfire.Realtime.Server.Configuration;

/// <summary>Names every setting that is wrong, and never its value: most of them are keys.</summary>
internal sealed class CampfireServerOptionsValidator : IValidateOptions<CampfireServerOptions>
{
    private const int MinSecretBytes = 32;

    public ValidateOptionsResult Validate(string? name, CampfireServerOptions options)
    {
        var faults = new List<string>();
        if (options.Url is null)
            faults.Add("Url is missing; set it to the project's address, for example https://project.supabase.co.");
        CheckAddress(faults, options.Url, nameof(options.Url), "http", "https");
        CheckAddress(faults, options.RealtimeUrl, nameof(options.RealtimeUrl), "http", "https", "ws", "wss");
        CheckAddress(faults, options.RestUrl, nameof(options.RestUrl), "http", "https");
        CheckAddress(faults, options.PublicUrl, nameof(options.PublicUrl), "http", "https");
        CheckApiKey(faults, options);
        CheckServiceKey(faults, options);
        CheckJwtSecret(faults, options);

        CheckRange(faults, options.TokenLifetime, TimeSpan.FromMinutes(1), TimeSpan.FromHours(24), nameof(options.TokenLifetime));
        CheckRange(faults, options.ClockSkew, TimeSpan.Zero, TimeSpan.FromMinutes(5), nameof(options.ClockSkew));
        CheckRange(faults, options.ResumeWindow, TimeSpan.Zero, TimeSpan.FromDays(30), nameof(options.ResumeWindow));
        CheckRange(faults, options.RequestTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5), nameof(options.RequestTimeout));
        CheckRange(faults, options.MaxRequestBodyBytes, 1024, 16 * 1024 * 1024, nameof(options.MaxRequestBodyBytes));
        CheckRange(faults, options.WidgetAuthRequestsPerMinute, 1, 1_000_000, nameof(options.WidgetAuthRequestsPerMinute));
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults.Select(fault => "Campfire server: " + fault));
    }

    private static void CheckApiKey(List<string> faults, CampfireServerOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.ApiKey))
            faults.Add("ApiKey is missing; set it to the project's publishable key (Supabase dashboard, API keys).");
        else if (IsSecret(options.ApiKey))
            faults.Add("ApiKey holds a secret key, which bypasses every policy and would be handed to every visitor. Use the publishable key.");
        else if (!IsHeaderValue(options.ApiKey))
            faults.Add("ApiKey contains a space or another character that no key has. Copy it again.");
    }

    private static void CheckServiceKey(List<string> faults, CampfireServerOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.ServiceKey))
            faults.Add("ServiceKey is missing; set it to the project's secret key (Supabase dashboard, API keys).");
        else if (!IsHeaderValue(options.ServiceKey))
            faults.Add("ServiceKey contains a space or another character that no key has. Copy it again.");
        else if (!IsSecret(options.ServiceKey))
            faults.Add("ServiceKey holds no secret key: it begins with sb_secret_ or is a token of the role service_role.");
    }

    private static void CheckJwtSecret(List<string> faults, CampfireServerOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.JwtSecret))
            faults.Add("JwtSecret is missing; set it to the project's JWT secret (Supabase dashboard, JWT keys).");
        else if (Encoding.UTF8.GetByteCount(options.JwtSecret) < MinSecretBytes)
            faults.Add($"JwtSecret is too short; HS256 needs at least {MinSecretBytes} bytes.");
    }

    private static bool IsSecret(string key) =>
        key.StartsWith("sb_secret_", StringComparison.Ordinal) || TokenClaims.Read(key).Kind is SenderType.System;

    private static bool IsHeaderValue(string key) => !key.AsSpan().ContainsAnyExceptInRange('!', '~');

    private static void CheckAddress(List<string> faults, Uri? address, string name, params ReadOnlySpan<string> schemes)
    {
        if (address is not null && !(address.IsAbsoluteUri && schemes.Contains(address.Scheme)))
            faults.Add($"{name} is no absolute address with one of the schemes {string.Join(", ", schemes!)}.");
    }

    private static void CheckRange<T>(List<string> faults, T value, T min, T max, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
            faults.Add($"{name} is {value}; it ranges from {min} to {max}.");
    }
}

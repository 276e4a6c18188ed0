namespace Campfire.Realtime.Migrations;

/// <summary>Names the Supabase project that a live examination joins.</summary>
public sealed class LiveTarget
{
    /// <summary>Gets the project's URL, for example <c>https://abcdefgh.supabase.co</c>.</summary>
    public required Uri Url { get; init; }

    /// <summary>Gets the key that browsers use: the legacy <c>anon</c> key, or a publishable one.</summary>
    public required string AnonKey { get; init; }

    /// <summary>Gets the secret that signs the project's tokens (HS256); the canary's agent and visitor get theirs from it.</summary>
    public required string JwtSecret { get; init; }

    /// <summary>Gets the legacy <c>service_role</c> key, or a secret one.</summary>
    /// <value><see langword="null"/> by default: whether the server may join is not examined then.</value>
    public string? ServiceKey { get; init; }
}

namespace Campfire.Realtime.Server.Widgets;

/// <summary>Compares a browser's origin with the list of a widget key, by scheme, host and port.</summary>
internal static class AllowedOrigins
{
    private const string Any = "*";

    public static bool Permit(IReadOnlyList<string> allowed, string? origin) =>
        origin is null || allowed.Contains(Any) || (Normalize(origin) is { } wanted && allowed.Any(candidate => Normalize(candidate) == wanted));

    private static string? Normalize(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? address) && address.Host.Length > 0 && address.PathAndQuery is "/" or ""
            ? $"{address.Scheme}://{address.IdnHost}:{address.Port}"
            : null;
}

using System.Security.Cryptography;
using System.Text;

namespace Campfire.Realtime.Migrations;

/// <summary>Provides the SQL scripts that this package carries.</summary>
public static class CampfireMigrations
{
    private const string ResourcePrefix = "sql/migrations/";
    private const string ResourceSuffix = ".sql";

    /// <summary>Gets every script in running order.</summary>
    public static IReadOnlyList<CampfireMigration> All { get; } = Load();

    internal static CampfireMigration Create(string name, string text)
    {
        // A checkout with CRLF line ends is the same script.
        string sql = text.ReplaceLineEndings("\n");
        return new(name, sql, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
    }

    private static CampfireMigration[] Load() =>
        [.. typeof(CampfireMigrations).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => Create(name[ResourcePrefix.Length..^ResourceSuffix.Length], Read(name)))];

    private static string Read(string resourceName)
    {
        using Stream stream = typeof(CampfireMigrations).Assembly.GetManifestResourceStream(resourceName)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

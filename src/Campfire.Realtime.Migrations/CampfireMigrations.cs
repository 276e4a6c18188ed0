using System.Security.Cryptography;
using System.Text;
using Campfire.Realtime.Migrations.Exporting;

namespace Campfire.Realtime.Migrations;

/// <summary>Provides the SQL scripts that this package carries.</summary>
public static class CampfireMigrations
{
    private const string ResourcePrefix = "sql/migrations/";
    private const string ResourceSuffix = ".sql";

    /// <summary>Gets every script in running order.</summary>
    public static IReadOnlyList<CampfireMigration> All { get; } = Load();

    /// <summary>Writes every script as a file that the Supabase CLI applies, <c>YYYYMMDDHHMMSS_campfire_noun.sql</c>.</summary>
    /// <remarks>
    /// <para>A script has the same file name and content on every machine and in every later version: its time is 2026-11-24 00:00:00
    /// and as many minutes as its number. Files of a later version therefore come after those of an earlier one, but not
    /// necessarily after the project's own; then <c>supabase db push</c> needs <c>--include-all</c>. A file that was moved to another
    /// time counts as there.</para>
    /// <para>The files keep <c>campfire.migrations</c>, and do nothing where it has their script already, so that they and
    /// <see cref="CampfireMigrator"/> may be used on the same database.</para>
    /// </remarks>
    /// <param name="directory">The folder, usually <c>supabase/migrations</c>; created if it is missing.</param>
    /// <param name="overwrite">Whether files of the same names and other content are replaced.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The files in running order.</returns>
    /// <exception cref="CampfireMigrationException">A file of the same name has other content; nothing was written.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Task<IReadOnlyList<ExportedMigration>> ExportAsync(
        string directory, bool overwrite = false, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return MigrationFolder.WriteAsync(directory, All, overwrite, cancellationToken);
    }

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

using Npgsql;

namespace Campfire.Realtime.Migrations;

/// <summary>Turns what Supabase's dashboard hands out, a <c>postgresql://</c> URI, into what Npgsql takes.</summary>
public static class PostgresUri
{
    /// <summary>Converts a URI into an Npgsql connection string; one that is no URI is returned as it is.</summary>
    /// <param name="connection">A URI <c>postgresql://user:password@host:port/database[?sslmode=…]</c>, or an Npgsql connection string.</param>
    /// <exception cref="ArgumentException">The text begins like a URI and is none.</exception>
    public static string ToConnectionString(string connection)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connection);
        if (!connection.StartsWith("postgresql://", StringComparison.Ordinal) && !connection.StartsWith("postgres://", StringComparison.Ordinal))
            return connection;
        if (!Uri.TryCreate(connection, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0)
        {
            throw new ArgumentException(
                "The connection is not a valid URI. It has the form postgresql://user:password@host:port/database; reserved characters of a password are percent-encoded.",
                nameof(connection));
        }

        string[] credentials = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = uri.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(uri.AbsolutePath[1..]) : "postgres",
            Username = Uri.UnescapeDataString(credentials[0]),
        };
        if (credentials.Length == 2)
            builder.Password = Uri.UnescapeDataString(credentials[1]);
        foreach (string pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.StartsWith("sslmode=", StringComparison.Ordinal))
                builder.SslMode = ReadSslMode(pair["sslmode=".Length..]);
        }

        return builder.ConnectionString;
    }

    private static SslMode ReadSslMode(string value) =>
        Enum.TryParse(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out SslMode mode)
            ? mode
            : throw new ArgumentException($"sslmode={value} is unknown; it is one of disable, allow, prefer, require, verify-ca and verify-full.");
}

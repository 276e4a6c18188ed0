using Npgsql;

namespace Campfire.Realtime.Cli;

internal static class ConnectionUri
{
    // Npgsql takes key=value pairs only, but what Supabase's dashboard hands out is a URI.
    public static string ToConnectionString(string connection)
    {
        if (!connection.StartsWith("postgresql://", StringComparison.Ordinal) && !connection.StartsWith("postgres://", StringComparison.Ordinal))
            return connection;
        if (!Uri.TryCreate(connection, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
            throw new ArgumentException("--connection is not a valid URI. It has the form postgresql://user:password@host:port/database; reserved characters of a password are percent-encoded.");

        var credentials = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = uri.AbsolutePath.Length > 1 ? Uri.UnescapeDataString(uri.AbsolutePath[1..]) : "postgres",
            Username = Uri.UnescapeDataString(credentials[0]),
        };
        if (credentials.Length == 2)
            builder.Password = Uri.UnescapeDataString(credentials[1]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            if (parts.Length == 2 && parts[0] == "sslmode")
                builder.SslMode = Enum.Parse<SslMode>(parts[1].Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
        }
        return builder.ConnectionString;
    }
}

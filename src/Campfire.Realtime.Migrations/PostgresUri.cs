using System.Globalization;
using Npgsql;

namespace Campfire.Realtime.Migrations;

/// <summary>Turns what Supabase's dashboard hands out, a <c>postgresql://</c> URI, into what Npgsql takes.</summary>
public static class PostgresUri
{
    /// <summary>Converts a URI into an Npgsql connection string; one that is no URI is returned as it is.</summary>
    /// <remarks>Of the parameters of libpq it knows <c>sslmode</c>, <c>sslrootcert</c>, <c>connect_timeout</c> (in seconds),
    /// <c>application_name</c> and <c>options</c>.</remarks>
    /// <param name="connection">A URI <c>postgresql://user:password@host:port/database[?sslmode=…]</c>, or an Npgsql connection string.</param>
    /// <exception cref="ArgumentException">The text begins like a URI and is none, or has a parameter that is not known.</exception>
    public static string ToConnectionString(string connection)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connection);
        if (!IsUri(connection))
            return connection;
        if (!Uri.TryCreate(connection, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0 || uri.Fragment.Length > 0)
        {
            throw new ArgumentException(
                "The connection is not a valid URI. It has the form postgresql://user:password@host:port/database; reserved characters " +
                "of a password, such as / ? # and @, are percent-encoded.",
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
            string[] parts = pair.Split('=', 2);
            Set(builder, Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""));
        }

        return builder.ConnectionString;
    }

    private static bool IsUri(string connection) =>
        connection.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase)
        || connection.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase);

    private static void Set(NpgsqlConnectionStringBuilder builder, string parameter, string value)
    {
        switch (parameter)
        {
            case "sslmode":
                builder.SslMode = ReadSslMode(value);
                break;
            case "sslrootcert":
                builder.RootCertificate = value;
                break;
            case "connect_timeout":
                builder.Timeout = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds <= 1024
                    ? seconds
                    : throw new ArgumentException($"connect_timeout={value} is not a number of seconds from 0 to 1024.");
                break;
            case "application_name":
                builder.ApplicationName = value;
                break;
            case "options":
                builder.Options = value;
                break;
            default:
                throw new ArgumentException(
                    $"The URI's parameter '{parameter}' is not known; sslmode, sslrootcert, connect_timeout, application_name and options are. " +
                    "Leave it out, or pass an Npgsql connection string (Host=…;Username=…;Password=…;Database=…).");
        }
    }

    private static SslMode ReadSslMode(string value) =>
        value switch
        {
            "disable" => SslMode.Disable,
            "allow" => SslMode.Allow,
            "prefer" => SslMode.Prefer,
            "require" => SslMode.Require,
            "verify-ca" => SslMode.VerifyCA,
            "verify-full" => SslMode.VerifyFull,
            _ => throw new ArgumentException($"sslmode={value} is unknown; it is one of disable, allow, prefer, require, verify-ca and verify-full."),
        };
}

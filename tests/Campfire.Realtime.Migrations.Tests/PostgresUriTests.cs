using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[TestFixture]
public sealed class PostgresUriTests
{
    [Test]
    public void Uri_is_converted_with_its_escaped_password_and_its_sslmode()
    {
        var parts = new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString("postgresql://post%40gres:p%3Ass%2F@db.example.com:6543/app%20db?sslmode=verify-full"));

        Assert.That((parts.Host, parts.Port, parts.Database, parts.Username, parts.Password, parts.SslMode),
            Is.EqualTo(("db.example.com", 6543, "app db", "post@gres", "p:ss/", SslMode.VerifyFull)));
    }

    [Test]
    public void Short_uri_gets_the_defaults_of_psql()
    {
        var parts = new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString("postgres://me@localhost"));

        Assert.That((parts.Host, parts.Port, parts.Database, parts.Username, parts.Password), Is.EqualTo(("localhost", 5432, "postgres", "me", (string?)null)));
    }

    [Test]
    public void Connection_string_is_returned_as_it_is() =>
        Assert.That(PostgresUri.ToConnectionString("Host=a;Username=b"), Is.EqualTo("Host=a;Username=b"));

    [Test]
    public void Parameters_of_libpq_are_taken_and_the_scheme_may_be_in_capitals()
    {
        var parts = new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString(
            "PostgreSQL://me@localhost?connect_timeout=7&application_name=my%20app&options=-c%20search_path%3Dx&sslrootcert=ca.crt"));

        Assert.That(
            (parts.Timeout, parts.ApplicationName, parts.Options, parts.RootCertificate),
            Is.EqualTo((7, "my app", "-c search_path=x", "ca.crt")));
    }

    [TestCase("disable", SslMode.Disable)]
    [TestCase("allow", SslMode.Allow)]
    [TestCase("prefer", SslMode.Prefer)]
    [TestCase("require", SslMode.Require)]
    [TestCase("verify-ca", SslMode.VerifyCA)]
    [TestCase("verify-full", SslMode.VerifyFull)]
    public void Every_sslmode_of_libpq_is_taken(string value, SslMode expected)
    {
        var parts = new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString($"postgres://me@localhost?sslmode={value}"));

        Assert.That(parts.ContainsKey("SSL Mode"), Is.True);
        Assert.That(parts.SslMode, Is.EqualTo(expected));
    }

    [TestCase(0)]
    [TestCase(1024)]
    public void Timeout_may_be_as_short_and_as_long_as_npgsql_takes(int seconds)
    {
        var parts = new NpgsqlConnectionStringBuilder(PostgresUri.ToConnectionString($"POSTGRES://me@localhost?connect_timeout={seconds}"));

        Assert.That(parts.Timeout, Is.EqualTo(seconds));
    }

    [TestCase("postgresql://", "postgresql://user:password@host:port/database")]
    [TestCase("postgresql://user:pa/ss@[", "percent-encoded")]
    [TestCase("postgresql://user:pa#ss@localhost", "percent-encoded")]
    [TestCase("postgresql://localhost/db?sslmode=maybe", "verify-full")]
    [TestCase("postgresql://localhost/db?sslmode=1", "verify-full")]
    [TestCase("postgresql://localhost/db?connect_timeout=soon", "seconds")]
    [TestCase("postgresql://localhost/db?connect_timeout=-1", "from 0 to 1024")]
    [TestCase("postgresql://localhost/db?connect_timeout=1025", "from 0 to 1024")]
    [TestCase("postgresql://localhost/db?pgbouncer=true", "'pgbouncer' is not known")]
    public void Broken_uri_is_refused_with_its_reason_and_without_its_password(string uri, string reason)
    {
        ArgumentException? refused = Assert.Throws<ArgumentException>(() => PostgresUri.ToConnectionString(uri));
        ArgumentException? refusedByMigrator = Assert.Throws<ArgumentException>(() => _ = new CampfireMigrator(uri));

        Assert.That(refused!.Message, Does.Contain(reason).And.Not.Contain("pa/ss").And.Not.Contain("pa#ss"));
        Assert.That(refusedByMigrator!.Message, Is.EqualTo(refused.Message));
    }

    [TestCase("nonsense")]
    [TestCase("Hots=a")]
    public void Migrator_says_what_it_takes(string connection)
    {
        ArgumentException? refused = Assert.Throws<ArgumentException>(() => _ = new CampfireMigrator(connection));

        Assert.That(refused!.Message, Does.Contain("postgresql://user:password@host:port/database").And.Contain("Host="));
    }
}

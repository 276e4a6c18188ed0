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

    [TestCase("postgresql://")]
    [TestCase("postgresql://user:pa/ss@[")]
    [TestCase("postgresql://localhost/db?sslmode=maybe")]
    public void Broken_uri_is_refused_without_its_password(string uri)
    {
        ArgumentException? refused = Assert.Throws<ArgumentException>(() => PostgresUri.ToConnectionString(uri));

        Assert.That(refused!.Message, Does.Not.Contain("pa/ss"));
    }

    [TestCase("nonsense")]
    [TestCase("Hots=a")]
    [TestCase("postgresql://")]
    public void Migrator_says_what_it_takes(string connection)
    {
        ArgumentException? refused = Assert.Throws<ArgumentException>(() => _ = new CampfireMigrator(connection));

        Assert.That(refused!.Message, Does.Contain("postgresql://user:password@host:port/database").And.Contain("Host="));
    }
}

using System.Security.Cryptography;
using System.Text;
using Campfire.Realtime.Emulator.Database;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class PasswordTests
{
    [Test]
    public async Task No_password_is_in_a_log_that_has_every_statement()
    {
        await using var server = await PlainServer.StartAsync();
        await RestAnswer.ExecuteAsync(server.AdminConnectionString, "alter system set log_statement = 'all'");
        await RestAnswer.ExecuteAsync(server.AdminConnectionString, "select pg_reload_conf()");

        await using var emulator = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString, ApplyMigrations = false });
        var who = await RestAnswer.ExecuteAsync(emulator.ConnectionString, "select current_user::text");

        var log = await File.ReadAllTextAsync(server.LogPath);
        Assert.That(who, Is.EqualTo("postgres"));
        Assert.That(log, Does.Contain("alter role postgres password 'SCRAM-SHA-256$").And.Contain("alter role authenticator password 'SCRAM-SHA-256$"));
        Assert.That(log, Does.Not.Contain(new NpgsqlConnectionStringBuilder(emulator.ConnectionString).Password));
        Assert.That(log, Does.Not.Match("password '[0-9a-f]"));
    }

    // The keys are those of RFC 5802 for a password and a salt that anybody may choose.
    [Test]
    public void A_verifier_holds_the_keys_of_its_password_and_not_the_password()
    {
        var verifier = ScramVerifier.Of("pencil");

        var parts = verifier.Split('$', ':');
        var salted = Rfc2898DeriveBytes.Pbkdf2("pencil", Convert.FromBase64String(parts[2]), 4096, HashAlgorithmName.SHA256, 32);
        var storedKey = SHA256.HashData(HMACSHA256.HashData(salted, Encoding.ASCII.GetBytes("Client Key")));
        Assert.That(parts[..2], Is.EqualTo(new[] { "SCRAM-SHA-256", "4096" }));
        Assert.That(parts[3], Is.EqualTo(Convert.ToBase64String(storedKey)));
        Assert.That(verifier, Does.Not.Contain("pencil").And.Not.EqualTo(ScramVerifier.Of("pencil")));
    }
}

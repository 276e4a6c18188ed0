using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class StatusTests : MigratorFixture
{
    private static readonly CampfireMigration _third = CampfireMigrations.Create("0003_third", "create table public.third (id int);");

    [Test]
    public async Task Applied_and_pending_scripts_are_told_with_when_by_whom_and_from_which_version()
    {
        await CreateMigrator(First).MigrateAsync();

        IReadOnlyList<MigrationStatus> status = await CreateMigrator(First, Second).GetStatusAsync();

        Assert.That(status.Select(script => (script.Name, script.State)), Is.EqualTo(new[]
        {
            ("0001_first", MigrationState.Applied), ("0002_second", MigrationState.Pending),
        }));
        Assert.That(status[0].AppliedBy, Is.EqualTo("postgres"));
        Assert.That(status[0].AppliedAt, Is.EqualTo(new DateTimeOffset(await ReadAsync<DateTime>("select applied_at from campfire.migrations"))));
        Assert.That(status[0].PackageVersion, Does.Match(@"^\d+\.\d+\.\d+"));
        Assert.That((status[1].AppliedAt, status[1].AppliedBy, status[1].PackageVersion), Is.EqualTo(((DateTimeOffset?)null, (string?)null, (string?)null)));
    }

    [Test]
    public async Task Database_that_was_never_migrated_has_everything_pending()
    {
        IReadOnlyList<MigrationStatus> status = await new CampfireMigrator(Emulator.ConnectionString).GetStatusAsync();

        Assert.That(status.Select(script => script.Name), Is.EqualTo(CampfireMigrations.All.Select(migration => migration.Name)));
        Assert.That(status.Select(script => script.State), Is.All.EqualTo(MigrationState.Pending));
    }

    [Test]
    public async Task Edited_missing_and_unknown_scripts_are_told_instead_of_refused()
    {
        await CreateMigrator(First, Second, _third).MigrateAsync();
        await ExecuteAsync("delete from campfire.migrations where name = '0002_second'; update campfire.migrations set name = '0009_later' where name = '0003_third'");
        CampfireMigration edited = CampfireMigrations.Create("0001_first", "select 1;");
        CampfireMigration fourth = CampfireMigrations.Create("0004_fourth", "select 4;");
        await ExecuteAsync($"insert into campfire.migrations (name, checksum, package_version) values ('0003_third', '{_third.Checksum}', '0.1.0')");

        IReadOnlyList<MigrationStatus> status = await CreateMigrator(edited, Second, _third, fourth).GetStatusAsync();

        Assert.That(status.Select(script => (script.Name, script.State)), Is.EqualTo(new[]
        {
            ("0001_first", MigrationState.Edited),
            ("0002_second", MigrationState.Missing),
            ("0003_third", MigrationState.Applied),
            ("0004_fourth", MigrationState.Pending),
            ("0009_later", MigrationState.Unknown),
        }));
    }

    [Test]
    public async Task Read_only_session_is_enough()
    {
        await CreateMigrator(First).MigrateAsync();
        CampfireMigrator reader = new(
            new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { Options = "-c default_transaction_read_only=on" }.ConnectionString, null, [First]);

        Assert.That((await reader.GetStatusAsync()).Single().State, Is.EqualTo(MigrationState.Applied));
    }

    [Test]
    public async Task User_whom_row_level_security_keeps_from_the_journal_gets_an_error_and_not_an_empty_list()
    {
        await CreateMigrator(First).MigrateAsync();
        await ExecuteAsync(
            """
            create role reader login password 'reader';
            grant anon to reader;
            grant usage on schema campfire to reader;
            grant select on campfire.migrations to reader;
            """);
        CampfireMigrator reader = new(
            new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { Username = "reader", Password = "reader" }.ConnectionString, null, [First]);
        try
        {
            Assert.That(ThrowsMigration(() => reader.GetStatusAsync()).Code, Is.EqualTo(CampfireMigrationErrorCode.InsufficientRights));
        }
        finally
        {
            await ExecuteAsync("drop schema campfire cascade; drop role reader");
        }
    }
}

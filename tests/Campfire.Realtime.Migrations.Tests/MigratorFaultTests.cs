using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

// What the user got wrong, told before anything runs.
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MigratorFaultTests : MigratorFixture
{
    private static readonly CampfireMigration _survey = CampfireMigrations.Create(
        "0001_survey",
        """
        do $$
        begin
            raise exception 'The tables cannot be adopted.'
                using errcode = 'CFA01', detail = E'messages.id is text\nconversations.id is missing', hint = 'Change them.';
        end $$;
        """);

    [Test]
    public async Task Edited_script_stops_the_run_before_anything_changes()
    {
        await CreateMigrator(First).MigrateAsync();
        CampfireMigration edited = CampfireMigrations.Create(First.Name, First.Sql + " select 1;");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(edited, Second).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptEdited));
        Assert.That(error.MigrationName, Is.EqualTo("0001_first"));
        Assert.That(await ExistsAsync("second"), Is.False);
        ThrowsMigration(() => CreateMigrator(edited, Second).GetPendingAsync());
    }

    [Test]
    public async Task Database_of_a_newer_package_is_left_alone()
    {
        await CreateMigrator(First, Second).MigrateAsync();

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(First).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.PackageTooOld));
        Assert.That(error.Message, Does.Contain("0002_second"));
    }

    [Test]
    public async Task Script_missing_before_an_applied_one_stops_the_run()
    {
        await CreateMigrator(Second).MigrateAsync();

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(First, Second).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptSkipped));
        Assert.That(await ExistsAsync("first"), Is.False);
    }

    [Test]
    public void Wrong_password_is_told_apart_from_an_unreachable_server()
    {
        NpgsqlConnectionStringBuilder wrongPassword = new(Emulator.ConnectionString) { Password = "wrong" };
        NpgsqlConnectionStringBuilder noPassword = new(Emulator.ConnectionString) { Password = null };
        NpgsqlConnectionStringBuilder wrongPort = new(Emulator.ConnectionString) { Port = 1 };
        NpgsqlConnectionStringBuilder wrongDatabase = new(Emulator.ConnectionString) { Database = "missing" };

        Assert.That(ErrorOf(wrongPassword).Code, Is.EqualTo(CampfireMigrationErrorCode.AuthenticationFailed));
        Assert.That(ErrorOf(wrongPassword).Message, Does.Not.Contain("wrong"));
        Assert.That(ErrorOf(noPassword).Code, Is.EqualTo(CampfireMigrationErrorCode.AuthenticationFailed));
        Assert.That(ErrorOf(noPassword).Message, Does.Contain("the connection has none"));
        Assert.That(ErrorOf(wrongPort).Code, Is.EqualTo(CampfireMigrationErrorCode.ConnectionFailed));
        Assert.That(ErrorOf(wrongPort).Message, Does.Contain(":1"));
        Assert.That(ErrorOf(wrongDatabase).Code, Is.EqualTo(CampfireMigrationErrorCode.DatabaseNotFound));
    }

    [Test]
    public async Task Database_without_realtime_is_refused()
    {
        await ExecuteAsync("create database plain");
        try
        {
            CampfireMigrationException error = ErrorOf(new(Emulator.ConnectionString) { Database = "plain", Pooling = false });

            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.SupabaseMissing));
            Assert.That(error.Message, Does.Contain("realtime.send").And.Contain("campfire up"));
        }
        finally
        {
            await ExecuteAsync("drop database plain with (force)");
        }
    }

    [TestCase("select 1")]
    [TestCase("grant anon to reader")]
    [TestCase("grant create on database postgres to reader; grant create on schema public to reader; alter role reader set default_transaction_read_only = on")]
    public async Task User_without_rights_is_refused(string rights)
    {
        await ExecuteAsync("create role reader login password 'reader'");
        try
        {
            await ExecuteAsync(rights);
            CampfireMigrationException error = ErrorOf(
                new(Emulator.ConnectionString) { Username = "reader", Password = "reader", Pooling = false });

            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.InsufficientRights));
            Assert.That(error.Message, Does.Contain("'postgres'"));
        }
        finally
        {
            await ExecuteAsync("revoke all on database postgres from reader; revoke all on schema public from reader; drop role reader");
        }
    }

    [Test]
    public async Task Journal_with_a_hole_stops_the_run_and_names_the_missing_script()
    {
        CampfireMigration third = CampfireMigrations.Create("0003_third", "create table public.third (id int);");
        await CreateMigrator(First, Second, third).MigrateAsync();
        await ExecuteAsync("delete from campfire.migrations where name = '0002_second'");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(First, Second, third).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptSkipped));
        Assert.That(error.MigrationName, Is.EqualTo("0002_second"));
        Assert.That(error.Message, Does.Contain("campfire.migrations"));
    }

    [Test]
    public async Task Publication_of_another_owner_stops_the_run_before_anything_changes()
    {
        await GivePublicationAwayAsync();
        try
        {
            CampfireMigrator migrator = new(Emulator.ConnectionString);

            CampfireMigrationException error = ThrowsMigration(() => migrator.MigrateAsync());

            Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.NotAdoptable));
            Assert.That(error.Obstacles.Single(), Does.Contain("supabase_realtime belongs to stranger")
                .And.Contain("alter publication supabase_realtime owner to postgres"));
            Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
            Assert.That(ThrowsMigration(() => migrator.PreviewAsync()).Obstacles, Is.EqualTo(error.Obstacles));
        }
        finally
        {
            await TakePublicationBackAsync();
        }
    }

    [Test]
    public async Task Publication_of_another_owner_does_not_matter_to_a_database_that_is_current()
    {
        CampfireMigrator migrator = new(Emulator.ConnectionString);
        await migrator.MigrateAsync();
        await GivePublicationAwayAsync();
        try
        {
            Assert.That((await migrator.MigrateAsync()).Applied, Is.Empty);
        }
        finally
        {
            await TakePublicationBackAsync();
        }
    }

    [Test]
    public void Obstacles_to_an_adoption_are_listed()
    {
        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(_survey).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.NotAdoptable));
        Assert.That(error.MigrationName, Is.EqualTo("0001_survey"));
        Assert.That(error.Message, Is.EqualTo("The tables cannot be adopted. Change them."));
        Assert.That(error.Obstacles, Is.EqualTo(new[] { "messages.id is text", "conversations.id is missing" }));
    }

    [Test]
    public async Task Obstacles_that_the_data_source_hides_are_not_left_out_in_silence()
    {
        await using NpgsqlDataSource silent = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Emulator.ConnectionString) { IncludeErrorDetail = false });

        CampfireMigrationException error = ThrowsMigration(() => new CampfireMigrator(silent, null, [_survey]).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.NotAdoptable));
        Assert.That(error.Obstacles, Is.Empty);
        Assert.That(error.Message, Does.Contain("Include Error Detail=true"));
    }

    [Test]
    public void Rows_that_an_error_quotes_stay_out_of_the_exception()
    {
        CampfireMigration duplicate = CampfireMigrations.Create(
            "0001_first", "create table public.first (email text unique); insert into public.first values ('vera@example.com'), ('vera@example.com');");

        CampfireMigrationException error = ThrowsMigration(() => CreateMigrator(duplicate).MigrateAsync());

        Assert.That(error.Code, Is.EqualTo(CampfireMigrationErrorCode.ScriptFailed));
        Assert.That(error.Message, Does.Contain("first_email_key"));
        Assert.That(error.ToString(), Does.Not.Contain("vera@"));
    }

    private Task GivePublicationAwayAsync() => ExecuteAsync(
        """
        create role stranger;
        grant create on database postgres to stranger;
        grant stranger to postgres;
        alter publication supabase_realtime owner to stranger;
        revoke stranger from postgres;
        """);

    private Task TakePublicationBackAsync() => ExecuteAsync(
        """
        grant stranger to postgres;
        alter publication supabase_realtime owner to postgres;
        revoke create on database postgres from stranger;
        drop role stranger;
        """);
}

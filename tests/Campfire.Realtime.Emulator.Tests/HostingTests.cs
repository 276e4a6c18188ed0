using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class HostingTests
{
    [Test]
    public async Task A_data_directory_keeps_data_and_keys()
    {
        using var folder = new TemporaryFolder();
        var options = new CampfireEmulatorOptions { DataDirectory = Path.Combine(folder.FullPath, "data"), ApplyMigrations = false };
        string anonKey, publishableKey, secret;
        await using (var first = await CampfireEmulator.StartAsync(options))
        {
            (anonKey, publishableKey, secret) = (first.AnonKey, first.PublishableKey, first.JwtSecret);
            await ExecuteAsync(first.ConnectionString, "create table public.kept as select 42 as value");
        }

        await using var second = await CampfireEmulator.StartAsync(options);

        Assert.That((second.AnonKey, second.PublishableKey, second.JwtSecret), Is.EqualTo((anonKey, publishableKey, secret)));
        Assert.That(await ExecuteAsync(second.ConnectionString, "select value from public.kept"), Is.EqualTo(42));
    }

    [Test]
    public async Task A_data_directory_in_use_is_refused()
    {
        using var folder = new TemporaryFolder();
        var options = new CampfireEmulatorOptions { DataDirectory = Path.Combine(folder.FullPath, "data"), ApplyMigrations = false };
        await using var first = await CampfireEmulator.StartAsync(options);

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(options))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DataDirectoryInUse));
        Assert.That(failure.Message, Does.Contain(options.DataDirectory));
    }

    [Test]
    public void A_folder_with_other_files_is_refused_and_left_alone()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.FullPath, "thesis.txt");
        File.WriteAllText(file, "years of work");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { DataDirectory = folder.FullPath }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DataDirectoryUnusable));
        Assert.That(Directory.GetFileSystemEntries(folder.FullPath), Is.EqualTo(new[] { file }));
    }

    [Test]
    public void A_missing_postgres_is_told()
    {
        using var folder = new TemporaryFolder();

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { PostgresBinDirectory = folder.FullPath }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.PostgresNotFound));
        Assert.That(failure.Message, Does.Contain(folder.FullPath).And.Contain("15 or newer"));
    }

    [Test]
    public async Task A_postgres_that_does_not_start_is_told_with_its_log()
    {
        using var folder = new TemporaryFolder();
        var options = new CampfireEmulatorOptions { DataDirectory = Path.Combine(folder.FullPath, "data"), ApplyMigrations = false };
        await (await CampfireEmulator.StartAsync(options)).DisposeAsync();
        await File.AppendAllTextAsync(Path.Combine(options.DataDirectory, "data", "postgresql.conf"), "\nshared_buffers = 'plenty'\n");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(options))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.PostgresDidNotStart));
        Assert.That(failure.Message, Does.Contain("shared_buffers"));
    }

    [Test]
    public async Task An_existing_server_is_used_when_it_is_named()
    {
        var installation = await PostgresInstallation.FindAsync(PostgresInstallation.UsualDirectories(), majorVersion: null, CancellationToken.None);
        await using var server = await PrivateCluster.StartAsync(permanent: null, installation!, CancellationToken.None);

        await using var emulator = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString });

        Assert.That(await ExecuteAsync(emulator.ConnectionString, "select current_user::text"), Is.EqualTo("postgres"));
        Assert.That(await ExecuteAsync(emulator.ConnectionString, "select count(*)::int from public.conversations"), Is.Zero);
    }

    [TestCase("Host=127.0.0.1;Port=1;Username=x")]
    public void An_unusable_connection_string_is_told(string connectionString)
    {
        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { ConnectionString = connectionString }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DatabaseUnusable));
    }

    [Test]
    public async Task A_server_where_the_role_is_no_superuser_is_told()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false });

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { ConnectionString = emulator.ConnectionString }))!;

        Assert.That(failure.Message, Does.Contain("must not be called postgres"));
    }

    [Test]
    public void A_cancelled_start_leaves_nothing_running()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.That(async () => await CampfireEmulator.StartAsync(cancellationToken: cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task An_empty_server_is_prepared()
    {
        await using var server = await PlainServer.StartAsync();

        await using (var emulator = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString, ApplyMigrations = false }))
            await ExecuteAsync(emulator.ConnectionString, "create table public.kept as select 42 as value");
        await using var again = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString, ApplyMigrations = false });

        Assert.That(await ExecuteAsync(again.ConnectionString, "select value from public.kept"), Is.EqualTo(42), "and used again");
    }

    [TestCase("create schema _realtime", "schema _realtime")]
    [TestCase("create publication supabase_realtime", "publication supabase_realtime")]
    [TestCase("select pg_create_logical_replication_slot('supabase_realtime_replication_slot', 'pgoutput')", "replication slot supabase_realtime_replication_slot")]
    [TestCase("create role authenticator login password 'theirs'", "role authenticator")]
    public async Task A_server_with_a_Supabase_of_its_own_is_refused_and_left_alone(string trace, string found)
    {
        await using var server = await PlainServer.StartAsync();
        await ExecuteAsync(server.AdminConnectionString, trace);
        const string Everything = """
            select (select string_agg(rolname || coalesce(rolpassword, ''), ' ' order by rolname) from pg_authid)
                || (select string_agg(nspname, ' ' order by nspname) from pg_namespace where nspname !~ '^pg_(toast_)?temp')
            """;
        var before = await ExecuteAsync(server.AdminConnectionString, Everything);

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DatabaseUnusable));
        Assert.That(failure.Message, Does.Contain(found).And.Contain("Name a new, empty server"));
        Assert.That(await ExecuteAsync(server.AdminConnectionString, Everything), Is.EqualTo(before));
    }

    [Test]
    public async Task A_server_that_another_emulator_uses_is_refused_and_left_to_it()
    {
        await using var server = await PlainServer.StartAsync();
        await using var first = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString, ApplyMigrations = false });

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString }))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DatabaseUnusable));
        Assert.That(failure.Message, Does.Contain("another emulator reads from this server"));
        NpgsqlConnection.ClearAllPools();
        Assert.That(await ExecuteAsync(first.ConnectionString, "select current_user::text"), Is.EqualTo("postgres"), "its passwords are what they were");
    }

    [Test]
    public async Task Emulators_in_parallel_do_not_meet()
    {
        var emulators = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => CampfireEmulator.StartAsync(new() { ApplyMigrations = false })));
        try
        {
            await Task.WhenAll(emulators.Select((emulator, i) => ExecuteAsync(emulator.ConnectionString, $"create table public.mine as select {i} as value")));

            var values = await Task.WhenAll(emulators.Select(emulator => ExecuteAsync(emulator.ConnectionString, "select value from public.mine")));

            Assert.That(values, Is.EqualTo(new[] { 0, 1, 2, 3 }));
            Assert.That(emulators.Select(emulator => emulator.Url).Distinct().Count(), Is.EqualTo(4));
            Assert.That(emulators.Select(emulator => emulator.JwtSecret).Distinct().Count(), Is.EqualTo(4));
        }
        finally
        {
            await Task.WhenAll(emulators.Select(emulator => emulator.DisposeAsync().AsTask()));
        }
    }

    [Test]
    public async Task What_an_interrupted_first_start_left_is_begun_anew()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.FullPath, "emulator.lock"), "");
        await File.WriteAllTextAsync(Path.Combine(folder.FullPath, "emulator.json.unfinished"), "{\"JwtSec");
        var options = new CampfireEmulatorOptions { DataDirectory = folder.FullPath, ApplyMigrations = false };
        await (await CampfireEmulator.StartAsync(options)).DisposeAsync();
        Directory.Move(Path.Combine(folder.FullPath, "data"), Path.Combine(folder.FullPath, "data.unfinished"));
        File.Delete(Path.Combine(folder.FullPath, "data.unfinished", "pg_hba.conf"));

        await using var emulator = await CampfireEmulator.StartAsync(options);

        Assert.That(await ExecuteAsync(emulator.ConnectionString, "select current_user::text"), Is.EqualTo("postgres"));
        Assert.That(Directory.Exists(Path.Combine(folder.FullPath, "data.unfinished")), Is.False);
    }

    [Test]
    public async Task A_folder_called_data_that_is_no_database_is_left_alone()
    {
        using var folder = new TemporaryFolder();
        var options = new CampfireEmulatorOptions { DataDirectory = folder.FullPath, ApplyMigrations = false };
        await (await CampfireEmulator.StartAsync(options)).DisposeAsync();
        Directory.Delete(Path.Combine(folder.FullPath, "data"), recursive: true);
        Directory.CreateDirectory(Path.Combine(folder.FullPath, "data"));
        var file = Path.Combine(folder.FullPath, "data", "thesis.txt");
        await File.WriteAllTextAsync(file, "years of work");

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => CampfireEmulator.StartAsync(options))!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.DataDirectoryUnusable));
        Assert.That(failure.Message, Does.Contain("holds no database"));
        Assert.That(File.Exists(file));
    }

    private static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}

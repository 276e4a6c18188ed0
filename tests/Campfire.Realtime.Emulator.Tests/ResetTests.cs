using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

// A reset hits everything in an emulator, so these tests have one of their own and take turns.
[Parallelizable(ParallelScope.Self)]
public sealed class ResetTests
{
    private CampfireEmulator _emulator = null!;
    private NpgsqlDataSource _database = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _emulator = await CampfireEmulator.StartAsync(new() { Delays = EmulatorDelays.Fast, TablesKeptOnReset = { "public.Countries" } });
        _database = NpgsqlDataSource.Create(_emulator.ConnectionString);
        await ExecuteAsync("""
            create table public."Countries" (code text primary key);
            insert into public."Countries" values ('NL'), ('SE');
            create schema shop;
            create table shop.orders (id int primary key generated always as identity, note text);
            create table shop.lines (order_id int references shop.orders, no serial, primary key (order_id, no));
            create table shop.hits (at timestamptz);
            alter publication supabase_realtime add table shop.hits;
            create table public."__EFMigrationsHistory" (id text);
            insert into public."__EFMigrationsHistory" values ('first');
            """);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _database.DisposeAsync();
        await _emulator.DisposeAsync();
    }

    [Test]
    public async Task A_reset_removes_rows_of_every_table_and_begins_numbers_anew()
    {
        var desk = await SupportDesk.CreateAsync(_emulator);
        await ExecuteAsync($"""
            insert into public.messages (conversation_id, content, sender_type, sender_id) values ('{desk.ConversationId}', 'Hello', 'system', 'x');
            insert into shop.orders (note) values ('one'), ('two');
            insert into shop.lines (order_id) values (2);
            insert into shop.hits values (now());
            select realtime.send('1', 'e', 'somewhere');
            """);

        await _emulator.ResetAsync();

        string[] tables =
        [
            "public.organizations", "public.conversations", "public.messages", "public.conversation_events", "public.realtime_conversations",
            "realtime.messages", "shop.orders", "shop.lines", "shop.hits",
        ];
        foreach (var table in tables)
            Assert.That(await ExecuteAsync($"select count(*)::int from {table}"), Is.Zero, table);
        Assert.That(await ExecuteAsync("insert into shop.orders (note) values ('next') returning id"), Is.EqualTo(1));
        Assert.That(await ExecuteAsync("insert into shop.lines (order_id) values (1) returning no"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_reset_keeps_journals_keys_and_the_tables_that_were_named()
    {
        var migrations = await ExecuteAsync("select count(*)::int from campfire.migrations");
        var key = _emulator.AnonKey;

        await _emulator.ResetAsync();

        Assert.That(await ExecuteAsync("select count(*)::int from campfire.migrations"), Is.EqualTo(migrations).And.Not.Zero);
        Assert.That(await ExecuteAsync("select count(*)::int from public.\"__EFMigrationsHistory\""), Is.EqualTo(1));
        Assert.That(await ExecuteAsync("select string_agg(code, ' ' order by code) from public.\"Countries\""), Is.EqualTo("NL SE"));
        Assert.That(_emulator.AnonKey, Is.EqualTo(key));
    }

    [Test]
    public async Task A_reset_sets_the_settings_to_their_defaults()
    {
        await ExecuteAsync("update campfire.settings set visitor_burst_messages = null, visitor_daily_messages = 7");

        await _emulator.ResetAsync();

        Assert.That(
            await ExecuteAsync("select string_agg(visitor_burst_messages || '/' || visitor_daily_messages, ' ') from campfire.settings"),
            Is.EqualTo("10/2000"));
    }

    [Test]
    public async Task A_reset_closes_every_socket_and_with_it_channels_and_presence()
    {
        await using var before = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (joinRef, _) = await before.JoinAsync("realtime:room", Presence("left behind"));
        await before.PushAsync("realtime:room", "presence", new JsonObject { ["type"] = "presence", ["event"] = "track", ["payload"] = new JsonObject() }, joinRef);
        await before.EventAsync("presence_diff");

        await _emulator.ResetAsync();

        Assert.That(await before.ClosedAsync(), Is.EqualTo(1000));
        await using var after = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        await after.JoinAsync("realtime:room", Presence("new"));
        var state = await after.EventAsync("presence_state");
        Assert.That(state.Payload!.AsObject(), Is.Empty);
    }

    [Test]
    public async Task A_reset_clears_faults_and_their_record()
    {
        _emulator.Faults.DropConnections(refuseFor: TimeSpan.FromHours(1));
        _emulator.Faults.RefuseJoins("Nope: not now");
        _emulator.Faults.LoseNextBroadcasts(5);
        _emulator.Faults.ReorderNextBroadcasts(5);

        await _emulator.ResetAsync();

        Assert.That(_emulator.Faults.Injected, Is.Empty);
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        var (joinRef, reply) = await socket.JoinAsync("realtime:room", new JsonObject { ["broadcast"] = new JsonObject { ["self"] = true } });
        Assert.That((string?)reply["status"], Is.EqualTo("ok"));
        await socket.PushAsync("realtime:room", "broadcast", new JsonObject { ["type"] = "broadcast", ["event"] = "e", ["payload"] = new JsonObject() }, joinRef);
        await socket.EventAsync("broadcast");
    }

    [Test]
    public async Task A_broadcast_of_before_reaches_nobody_behind_the_reset()
    {
        // Enough of them that the stream is still at it when the reset begins.
        await ExecuteAsync("""
            insert into realtime.messages (payload, event, topic, private, extension)
            select jsonb_build_object('n', n), 'old', 'room', false, 'broadcast' from generate_series(1, 20000) n
            """);

        await _emulator.ResetAsync();

        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey, vsn: "1.0.0");
        await socket.JoinAsync("realtime:room");
        await ExecuteAsync("select realtime.send('{}', 'new', 'room', false)");
        var first = await socket.EventAsync("broadcast");
        Assert.That((string?)first.Payload!["event"], Is.EqualTo("new"));
    }

    [Test]
    public async Task A_transaction_that_was_left_open_is_an_error_that_says_so()
    {
        await using var forgotten = await _database.OpenConnectionAsync();
        await using (var transaction = await forgotten.BeginTransactionAsync())
        {
            await using var insert = new NpgsqlCommand("insert into shop.orders (note) values ('open')", forgotten, transaction);
            await insert.ExecuteNonQueryAsync();

            var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => _emulator.ResetAsync())!;

            Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.ResetFailed));
            Assert.That(failure.Message, Does.Contain("left a transaction open"));
        }
        await _emulator.ResetAsync();
    }

    [Test]
    public async Task A_socket_that_comes_while_a_reset_waits_for_the_database_is_closed_as_well()
    {
        await using var other = await _database.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand("insert into shop.orders (note) values ('open')", other, transaction))
            await insert.ExecuteNonQueryAsync();

        var resetting = _emulator.ResetAsync();
        await using var socket = await PlainSocket.ConnectAsync(_emulator.Url, _emulator.AnonKey);
        await socket.JoinAsync("realtime:early");
        await transaction.CommitAsync();
        await resetting;

        Assert.That(await socket.ClosedAsync(), Is.EqualTo(1000));
    }

    [Test]
    public async Task A_reset_beside_another_is_refused()
    {
        await using var blocking = await _database.OpenConnectionAsync();
        await using var transaction = await blocking.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand("insert into shop.orders (note) values ('open')", blocking, transaction))
            await insert.ExecuteNonQueryAsync();
        var first = _emulator.ResetAsync();

        Assert.That(() => _emulator.ResetAsync(), Throws.InvalidOperationException.With.Message.Contain("take turns"));

        await transaction.RollbackAsync();
        await first;
    }

    [Test]
    public async Task A_reset_while_others_write_comes_to_its_end()
    {
        using var stopping = new CancellationTokenSource();
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!stopping.IsCancellationRequested)
                await ExecuteAsync("insert into shop.orders (note) values ('busy')");
        }));

        for (var i = 0; i < 5; i++)
            await _emulator.ResetAsync();

        await stopping.CancelAsync();
        await writing;
    }

    [Test]
    public async Task A_cancelled_reset_leaves_the_rows()
    {
        await ExecuteAsync("insert into shop.orders (note) values ('still here')");

        Assert.That(async () => await _emulator.ResetAsync(new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(await ExecuteAsync("select count(*)::int from shop.orders where note = 'still here'"), Is.EqualTo(1));
        await _emulator.ResetAsync();
    }

    [Test]
    public async Task A_table_to_be_kept_that_does_not_exist_is_an_error_before_anything_goes()
    {
        await using var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false, TablesKeptOnReset = { "public.contries" } });

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => emulator.ResetAsync())!;

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.ResetFailed));
        Assert.That(failure.Message, Does.Contain("public.contries").And.Contain("schema.table"));
    }

    [Test]
    public async Task A_new_project_without_migrations_can_be_reset_and_a_disposed_one_cannot()
    {
        var emulator = await CampfireEmulator.StartAsync(new() { ApplyMigrations = false });
        await emulator.ResetAsync();
        await emulator.DisposeAsync();

        Assert.That(() => emulator.ResetAsync(), Throws.InstanceOf<ObjectDisposedException>());
    }

    private static JsonObject Presence(string key) => new() { ["presence"] = new JsonObject { ["enabled"] = true, ["key"] = key } };

    private async Task<object?> ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}

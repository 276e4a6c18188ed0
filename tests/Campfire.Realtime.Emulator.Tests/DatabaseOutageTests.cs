using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Emulator.Tests;

// Each test stops a database, so each has an emulator of its own.
public sealed class DatabaseOutageTests
{
    private const string Unreachable = "UnableToConnectToProject: Realtime was unable to connect to the project database";
    private static readonly HttpClient _http = new();
    private static readonly JsonObject _private = new() { ["private"] = true, ["broadcast"] = new JsonObject { ["ack"] = true } };

    [Test]
    public async Task Calls_are_503_while_the_database_is_gone_and_succeed_when_it_is_back()
    {
        await using var emulator = await StartAsync();
        var before = await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");

        await emulator.Faults.StopDatabaseAsync();
        var during = await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");
        var again = await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");
        var unknown = await RestAnswer.PostAsync(emulator, "rpc/outag", "{}");
        await emulator.Faults.StartDatabaseAsync();
        var after = await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");

        Assert.That((before.Status, after.Status, after.Text), Is.EqualTo((200, 200, "7")));
        // The first call may meet a connection of before.
        Assert.That((during.Status, during.Code), Is.EqualTo((503, "PGRST000")).Or.EqualTo((503, "PGRST001")));
        Assert.That((again.Status, again.Code, (string?)again.Json!["message"]), Is.EqualTo((503, "PGRST000", "Database connection error.")));
        Assert.That((string?)again.Json["details"], Is.Not.Empty);
        Assert.That(again.Headers.RetryAfter!.ToString(), Is.EqualTo("1"));
        Assert.That((unknown.Status, unknown.Code), Is.EqualTo((404, "PGRST202")));
    }

    [Test]
    public async Task A_call_before_the_functions_are_known_is_503_as_well()
    {
        await using var emulator = await StartAsync();

        await emulator.Faults.StopDatabaseAsync();
        var during = await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");
        await emulator.Faults.StartDatabaseAsync();

        Assert.That((during.Status, during.Text), Is.EqualTo((503,
            """{"code":"PGRST002","details":null,"hint":null,"message":"Could not query the database for the schema cache. Retrying."}""")));
        Assert.That((await RestAnswer.PostAsync(emulator, "rpc/outage", "{}")).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_call_that_is_cut_short_is_503_and_stores_nothing()
    {
        await using var emulator = await StartAsync();

        var call = RestAnswer.PostAsync(emulator, "rpc/outage_slow", "{}");
        Assert.That(
            async () => await RestAnswer.ExecuteAsync(emulator.AdminConnectionString, "select count(*)::int from pg_stat_activity where query like '%outage_slow%' and usename = 'authenticator'"),
            Is.EqualTo(1).After(10_000, 20));
        await emulator.Faults.StopDatabaseAsync();
        var answer = await call;
        await emulator.Faults.StartDatabaseAsync();
        Npgsql.NpgsqlConnection.ClearAllPools();

        Assert.That(answer.Status, Is.EqualTo(503).Or.EqualTo(500), answer.Text);
        Assert.That(answer.Code, Is.EqualTo("PGRST001").Or.EqualTo("57P02"));
        Assert.That(await RestAnswer.ExecuteAsync(emulator.ConnectionString, "select count(*)::int from public.outage_log"), Is.Zero);
    }

    [Test]
    public async Task Private_channels_are_refused_and_public_ones_go_on()
    {
        await using var emulator = await StartAsync();
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await using var member = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await member.JoinAsync("realtime:lobby");
        var (joinRef, _) = await socket.JoinAsync("realtime:room", _private.DeepClone().AsObject());

        await emulator.Faults.StopDatabaseAsync();
        var refused = await socket.JoinAsync("realtime:other", _private.DeepClone().AsObject());
        var open = await socket.JoinAsync("realtime:lobby");
        await socket.PushAsync("realtime:lobby", "broadcast", new JsonObject { ["event"] = "still" }, open.JoinRef);
        // Whether it may write was not asked before; it vanishes as any that is not allowed, and its channel stays.
        await socket.PushAsync("realtime:room", "broadcast", new JsonObject { ["event"] = "lost" }, joinRef);
        await socket.BarrierAsync("realtime:room", joinRef);
        var unacknowledged = socket.Unread.Count;

        Assert.That((string?)refused.Reply["response"]!["reason"], Is.EqualTo(Unreachable));
        Assert.That((string?)open.Reply["status"], Is.EqualTo("ok"));
        Assert.That((string?)(await member.EventAsync("broadcast")).Payload!["event"], Is.EqualTo("still"));
        Assert.That(unacknowledged, Is.Zero);

        await emulator.Faults.StartDatabaseAsync();
        Assert.That((string?)(await socket.JoinAsync("realtime:other", _private.DeepClone().AsObject())).Reply["status"], Is.EqualTo("ok"));
        var acknowledged = await socket.PushAsync("realtime:room", "broadcast", new JsonObject { ["event"] = "found" }, joinRef);
        Assert.That((string?)(await socket.ReplyToAsync(acknowledged)).Payload!["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task A_new_token_closes_a_private_channel_that_cannot_be_authorized()
    {
        await using var emulator = await StartAsync();
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        var (joinRef, _) = await socket.JoinAsync("realtime:room", _private.DeepClone().AsObject());

        await emulator.Faults.StopDatabaseAsync();
        await socket.PushAsync("realtime:room", "access_token", new JsonObject { ["access_token"] = emulator.ServiceKey }, joinRef);

        Assert.That((string?)(await socket.EventAsync("system")).Payload!["message"], Is.EqualTo("Realtime was unable to connect to the project database"));
        Assert.That((await socket.EventAsync("phx_close")).JoinRef, Is.EqualTo(joinRef));
        Assert.That((string?)(await socket.JoinAsync("realtime:lobby")).Reply["status"], Is.EqualTo("ok"));
    }

    [Test]
    public async Task Rest_broadcasts_to_public_topics_go_on_and_to_private_ones_are_told()
    {
        await using var emulator = await StartAsync();
        await using var member = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey);
        await member.JoinAsync("realtime:lobby");

        await emulator.Faults.StopDatabaseAsync();
        var open = await PostAsync(emulator, "/realtime/v1/api/broadcast/lobby/events/still", "{}");
        var closed = await PostAsync(emulator, "/realtime/v1/api/broadcast/room/events/lost?private=true", "{}");
        var batch = await PostAsync(emulator, "/realtime/v1/api/broadcast", """{"messages":[{"topic":"room","event":"lost","payload":{},"private":true}]}""");

        Assert.That(open, Is.EqualTo((HttpStatusCode.Accepted, "")));
        Assert.That(closed, Is.EqualTo(((HttpStatusCode)422, """{"message":"Tenant database unavailable"}""")));
        Assert.That(batch, Is.EqualTo((HttpStatusCode.Accepted, "")));
        await member.BinaryAsync();
    }

    [Test]
    public async Task Broadcasts_from_the_database_come_again_and_the_log_says_what_happened()
    {
        using var log = new LogCollector();
        await using var emulator = await StartAsync(log);
        await using var socket = await PlainSocket.ConnectAsync(emulator.Url, emulator.AnonKey, vsn: "1.0.0");
        await socket.JoinAsync("realtime:news");

        await emulator.Faults.StopDatabaseAsync();
        Assert.That(Count(log, 3000), Is.EqualTo(1), "the stream is lost");
        await RestAnswer.PostAsync(emulator, "rpc/outage", "{}");
        await emulator.Faults.StartDatabaseAsync();
        Assert.That(Count(log, 3005), Is.EqualTo(1), "the stream is back");
        Npgsql.NpgsqlConnection.ClearAllPools();
        await RestAnswer.ExecuteAsync(emulator.ConnectionString, """select realtime.send('{"a":1}', 'fresh', 'news', false)""");

        Assert.That((string?)(await socket.EventAsync("broadcast")).Payload!["event"], Is.EqualTo("fresh"));
        Assert.That(emulator.Faults.Injected.Select(fault => fault.Kind), Is.EqualTo(new[] { EmulatorFaultKind.DatabaseStopped, EmulatorFaultKind.DatabaseStarted }));
        Assert.That(Count(log, 3060), Is.EqualTo(1));
        Assert.That(Count(log, 3061), Is.EqualTo(1));
        Assert.That(Count(log, 3050), Is.EqualTo(1), "the call that was answered 503");
        Assert.That(log.Entries.Where(entry => entry.Level >= LogLevel.Warning && entry.Id is not (3000 or 3040 or 3050 or 3060)), Is.Empty);
        Assert.That(string.Join('\n', log.Entries.Select(entry => entry.Text)), Does.Not.Contain(emulator.ServiceKey).And.Not.Contain("Password="));
    }

    [Test]
    public async Task Data_ports_and_connection_strings_stay_and_a_second_stop_or_start_does_nothing()
    {
        await using var emulator = await StartAsync();
        var connectionString = emulator.ConnectionString;
        await RestAnswer.ExecuteAsync(connectionString, "create table public.outage_kept as select 42 as value");

        for (var round = 0; round < 2; round++)
        {
            await emulator.Faults.StopDatabaseAsync();
            await emulator.Faults.StopDatabaseAsync();
            await emulator.Faults.StartDatabaseAsync();
            await emulator.Faults.StartDatabaseAsync();
        }
        Npgsql.NpgsqlConnection.ClearAllPools();

        Assert.That(emulator.ConnectionString, Is.EqualTo(connectionString));
        Assert.That(await RestAnswer.ExecuteAsync(connectionString, "select value from public.outage_kept"), Is.EqualTo(42));
        Assert.That(emulator.Faults.Injected, Has.Count.EqualTo(4));
    }

    [Test]
    public async Task An_emulator_whose_database_is_stopped_can_be_disposed()
    {
        var emulator = await StartAsync();
        await emulator.Faults.StopDatabaseAsync();

        await emulator.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Test]
    public async Task A_stop_that_is_cancelled_leaves_a_database_that_can_be_started()
    {
        await using var emulator = await StartAsync();
        using var cancellation = new CancellationTokenSource();

        var stopping = emulator.Faults.StopDatabaseAsync(cancellation.Token);
        await cancellation.CancelAsync();
        await stopping.ContinueWith(_ => { }, TaskScheduler.Default);
        await emulator.Faults.StopDatabaseAsync();
        await emulator.Faults.StartDatabaseAsync();

        Assert.That((await RestAnswer.PostAsync(emulator, "rpc/outage", "{}")).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_stopped_database_cannot_be_reset_and_a_disposed_one_not_be_stopped()
    {
        var emulator = await StartAsync();
        await emulator.ResetAsync();
        await emulator.Faults.StopDatabaseAsync();

        var failure = Assert.ThrowsAsync<CampfireEmulatorException>(() => emulator.ResetAsync())!;
        await emulator.DisposeAsync();

        Assert.That(failure.Code, Is.EqualTo(CampfireEmulatorErrorCode.ResetFailed));
        Assert.That(failure.Message, Does.Contain("cannot be reached"));
        Assert.That(() => emulator.Faults.StartDatabaseAsync(), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_database_of_somebody_else_is_not_stopped()
    {
        var installation = await PostgresInstallation.FindAsync(PostgresInstallation.UsualDirectories(), majorVersion: null, CancellationToken.None);
        await using var server = await PrivateCluster.StartAsync(permanent: null, installation!, CancellationToken.None);
        await using var emulator = await CampfireEmulator.StartAsync(new() { ConnectionString = server.AdminConnectionString, ApplyMigrations = false });

        var failure = Assert.ThrowsAsync<InvalidOperationException>(() => emulator.Faults.StopDatabaseAsync())!;

        Assert.That(failure.Message, Does.Contain("not the emulator's own").And.Contain("without a connection string"));
        Assert.That(emulator.Faults.Injected, Is.Empty);
    }

    private static int Count(LogCollector log, int id) => log.Entries.Count(entry => entry.Id == id);

    private static async Task<CampfireEmulator> StartAsync(ILoggerFactory? log = null)
    {
        var options = new CampfireEmulatorOptions { ApplyMigrations = false, Delays = EmulatorDelays.Fast };
        if (log is not null)
            options.LoggerFactory = log;
        var emulator = await CampfireEmulator.StartAsync(options);
        await RestAnswer.ExecuteAsync(emulator.ConnectionString, """
            create function public.outage() returns int language sql stable as $$ select 7 $$;
            create table public.outage_log (id int);
            create function public.outage_slow() returns int language sql security definer as
                $$ insert into public.outage_log values (1); select pg_sleep(60); select 1 $$;
            create policy outage_read on realtime.messages for select to anon using (true);
            create policy outage_write on realtime.messages for insert to anon with check (true);
            """);
        return emulator;
    }

    private static async Task<(HttpStatusCode Status, string Body)> PostAsync(CampfireEmulator emulator, string path, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(emulator.Url, path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", emulator.AnonKey);
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}

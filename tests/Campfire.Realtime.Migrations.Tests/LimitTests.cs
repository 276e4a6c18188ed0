using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

// Each test states its limits in a transaction of its own, which nobody else sees and which is rolled back.
public sealed class LimitTests
{
    [Test]
    public async Task Eleventh_message_within_ten_seconds_is_refused_and_leaves_no_hole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = default, visitor_daily_messages = default");

        for (int i = 1; i <= 10; i++)
            await SendAsync(connection, tenant, tenant.Visitor);
        PostgresException refusal = await RefuseAsync(connection, tenant, tenant.Visitor);

        Assert.That(refusal.SqlState, Is.EqualTo("PT429"));
        Assert.That(refusal.MessageText, Is.EqualTo("campfire_rate_limited"));
        Assert.That(refusal.Detail, Is.EqualTo("A visitor may send 10 messages in 10 seconds."));
        Assert.That(refusal.Hint, Does.Match("^Wait ([1-9]|10) seconds.$"));
        Assert.That(await LastSequenceAsync(connection, tenant), Is.EqualTo(11));
    }

    [Test]
    public async Task Window_slides()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 3");
        for (int i = 0; i < 3; i++)
            await SendAsync(connection, tenant, tenant.Visitor);
        await RefuseAsync(connection, tenant, tenant.Visitor);

        await connection.ExecuteAsync(
            "update campfire.visitor_rates set recent[1] = recent[1] - interval '11 seconds' where conversation_id = $1", tenant.ConversationId);
        await SendAsync(connection, tenant, tenant.Visitor);

        await RefuseAsync(connection, tenant, tenant.Visitor);
    }

    [Test]
    public async Task Day_has_its_own_limit_and_ends_at_midnight_utc()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_daily_messages = 2");
        await SendAsync(connection, tenant, tenant.Visitor);
        await SendAsync(connection, tenant, tenant.Visitor);

        PostgresException refusal = await RefuseAsync(connection, tenant, tenant.Visitor);
        Assert.That(refusal.Detail, Is.EqualTo("A visitor may send 2 messages a day in one conversation."));

        await connection.ExecuteAsync("update campfire.visitor_rates set day = day - 1 where conversation_id = $1", tenant.ConversationId);
        await SendAsync(connection, tenant, tenant.Visitor);
    }

    [Test]
    public async Task Lowered_limit_counts_what_was_sent_before()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 50");
        for (int i = 0; i < 5; i++)
            await SendAsync(connection, tenant, tenant.Visitor);

        await connection.ExecuteAsync("update campfire.settings set visitor_burst_messages = 2");

        await RefuseAsync(connection, tenant, tenant.Visitor);
    }

    [Test]
    public async Task Agents_and_the_server_are_not_limited_and_other_visitors_not_affected()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Tenant other = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 1, visitor_daily_messages = 1");
        await SendAsync(connection, tenant, tenant.Visitor);
        await RefuseAsync(connection, tenant, tenant.Visitor);

        for (int i = 0; i < 3; i++)
        {
            await SendAsync(connection, tenant, tenant.Agent);
            await SendAsync(connection, tenant, Caller.Service);
        }

        await SendAsync(connection, other, other.Visitor);
    }

    [Test]
    public async Task Edits_deletions_and_calls_for_a_human_count_as_well()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = (await tenant.SendAsync(tenant.Agent, "from the agent")).GetProperty("id").GetGuid();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 2");
        Guid own = await SendAsync(connection, tenant, tenant.Visitor);
        await RunAsync(connection, tenant.Visitor, "select public.campfire_edit_message($1, 'changed')", own);

        foreach (string call in new[]
        {
            "select public.campfire_edit_message($1, 'again')", "select public.campfire_delete_message($1)",
        })
            Assert.That(await OutcomeAsync(connection, tenant.Visitor, call, own), Is.EqualTo("PT429"), call);
        Assert.That(
            await OutcomeAsync(connection, tenant.Visitor, "select public.campfire_request_handover($1)", tenant.ConversationId),
            Is.EqualTo("PT429"));
        Assert.That(await OutcomeAsync(connection, tenant.Agent, "select public.campfire_delete_message($1)", id), Is.EqualTo("ok"));
    }

    [Test]
    public async Task Repeated_send_of_a_stored_message_is_never_limited()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 1");
        Guid id = await SendAsync(connection, tenant, tenant.Visitor);

        await SendAsync(connection, tenant, tenant.Visitor, id);
    }

    [Test]
    public async Task Plain_insert_is_limited_too()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await using NpgsqlConnection connection = await BeginAsync("visitor_burst_messages = 1");
        const string Insert = "insert into public.messages (conversation_id, content) values ($1, 'x')";

        Assert.That(await OutcomeAsync(connection, tenant.Visitor, Insert, tenant.ConversationId), Is.EqualTo("ok"));
        Assert.That(await OutcomeAsync(connection, tenant.Visitor, Insert, tenant.ConversationId), Is.EqualTo("PT429"));
    }

    [TestCase("visitor_burst_messages = 0")]
    [TestCase("visitor_burst_messages = 101")]
    [TestCase("visitor_burst_window = '0 seconds'")]
    [TestCase("visitor_daily_messages = -1")]
    public async Task Limit_that_makes_no_sense_is_refused(string change) =>
        await Refusal.AssertAsync(() => Caller.Owner.ExecuteAsync($"update campfire.settings set {change}"), PostgresErrorCodes.CheckViolation);

    [Test]
    public async Task Settings_stay_one_row() =>
        await Refusal.AssertAsync(
            () => Caller.Owner.ExecuteAsync("insert into campfire.settings (id) values (false)"), PostgresErrorCodes.CheckViolation);

    private static async Task<NpgsqlConnection> BeginAsync(string settings)
    {
        NpgsqlConnection connection = await AssemblySetup.Database.OpenConnectionAsync();
        await connection.ExecuteAsync("begin");
        await connection.ExecuteAsync($"update campfire.settings set {settings}");
        return connection;
    }

    private static async Task<Guid> SendAsync(NpgsqlConnection connection, Tenant tenant, Caller caller, Guid? id = null)
    {
        Guid messageId = id ?? Guid.CreateVersion7();
        await RunAsync(connection, caller, "select public.campfire_send_message($1, $2, 'x')", tenant.ConversationId, messageId);
        return messageId;
    }

    private static async Task<PostgresException> RefuseAsync(NpgsqlConnection connection, Tenant tenant, Caller caller)
    {
        await connection.ExecuteAsync("savepoint attempt");
        PostgresException? refusal = null;
        try
        {
            await SendAsync(connection, tenant, caller);
        }
        catch (PostgresException exception)
        {
            refusal = exception;
        }

        await connection.ExecuteAsync("rollback to attempt");
        await connection.ExecuteAsync("reset role");
        Assert.That(refusal, Is.Not.Null, "nothing was refused");
        return refusal!;
    }

    private static async Task<string> OutcomeAsync(NpgsqlConnection connection, Caller caller, string sql, params object?[] parameters)
    {
        await connection.ExecuteAsync("savepoint attempt");
        string outcome = await Refusal.OutcomeAsync(() => RunAsync(connection, caller, sql, parameters));
        await connection.ExecuteAsync(outcome == "ok" ? "release attempt" : "rollback to attempt");
        await connection.ExecuteAsync("reset role");
        return outcome;
    }

    private static async Task RunAsync(NpgsqlConnection connection, Caller caller, string sql, params object?[] parameters)
    {
        await caller.BecomeAsync(connection);
        await connection.ExecuteAsync(sql, parameters);
        await connection.ExecuteAsync("reset role");
    }

    private static Task<long> LastSequenceAsync(NpgsqlConnection connection, Tenant tenant) =>
        connection.ReadAsync<long>("select last_sequence from public.conversations where id = $1", tenant.ConversationId);
}

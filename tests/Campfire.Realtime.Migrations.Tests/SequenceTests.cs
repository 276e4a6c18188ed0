using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests;

public sealed class SequenceTests
{
    private const int Writers = 20;
    private const int MessagesPerWriter = 15;

    [Test]
    public async Task Twenty_writers_leave_no_hole_and_no_duplicate()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await WriteInParallelAsync(tenant);

        List<JsonElement> log = await tenant.ReadLogAsync();
        Assert.That(
            log.Select(entry => entry.GetProperty("payload").Number("sequence")),
            Is.EqualTo(Enumerable.Range(1, 1 + (Writers * MessagesPerWriter)).Select(value => (long)value)));
        Assert.That(
            await Caller.Service.ListAsync<long>(
                "select sequence from public.messages where conversation_id = $1 order by created_at, sequence",
                tenant.ConversationId),
            Is.EqualTo(log.Skip(1).Select(entry => entry.GetProperty("payload").Number("sequence"))));
        Assert.That(
            (await tenant.ReadBroadcastsAsync())
                .Where(broadcast => broadcast.Topic == tenant.ConversationTopic)
                .Select(broadcast => broadcast.Payload.Number("sequence"))
                .Order(),
            Is.EqualTo(Enumerable.Range(1, 1 + (Writers * MessagesPerWriter)).Select(value => (long)value)));
    }

    [Test]
    public async Task Each_writer_finds_its_messages_in_the_order_it_sent_them()
    {
        Tenant tenant = await Tenant.CreateAsync();

        await WriteInParallelAsync(tenant);

        foreach (IGrouping<string, string> writer in (await tenant.ReadLogAsync(after: 1))
            .Select(entry => entry.GetProperty("payload").Text("content")!)
            .GroupBy(content => content.Split('/')[0]))
        {
            Assert.That(writer, Is.EqualTo(Enumerable.Range(0, MessagesPerWriter).Select(number => $"{writer.Key}/{number}")));
        }
    }

    [Test]
    public async Task Log_read_while_it_is_written_never_shows_a_hole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Task writing = WriteInParallelAsync(tenant);
        long cursor = 0;
        bool isLastRound;
        do
        {
            isLastRound = writing.IsCompleted;
            JsonElement page = await tenant.Visitor.CallAsync("campfire_events($1, $2, 7)", tenant.ConversationId, cursor);
            foreach (JsonElement entry in page.GetProperty("events").EnumerateArray())
                Assert.That(entry.GetProperty("payload").Number("sequence"), Is.EqualTo(++cursor));
            isLastRound &= !page.GetProperty("has_more").GetBoolean();
        }
        while (!isLastRound);

        await writing;
        Assert.That(cursor, Is.EqualTo(1 + (Writers * MessagesPerWriter)));
    }

    [Test]
    public async Task Status_changes_between_messages_keep_the_log_whole()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Task writing = WriteInParallelAsync(tenant);
        string[] statuses = ["pending", "closed", "open", "assigned"];
        for (int round = 0; round < 20; round++)
        {
            await Caller.Service.ExecuteAsync(
                $"update public.conversations set status = '{statuses[round % statuses.Length]}' where id = $1",
                tenant.ConversationId);
        }

        await writing;
        List<JsonElement> log = await tenant.ReadLogAsync();
        Assert.That(
            log.Select(entry => entry.GetProperty("payload").Number("sequence")),
            Is.EqualTo(Enumerable.Range(1, log.Count).Select(value => (long)value)));
        Assert.That(
            await Caller.Service.ReadAsync<long>(
                "select last_sequence from public.realtime_conversations where id = $1", tenant.ConversationId),
            Is.EqualTo(log.Count));
    }

    [Test]
    public async Task Row_written_back_whole_does_not_turn_back_the_counters()
    {
        Tenant tenant = await Tenant.CreateAsync();
        await tenant.SendAsync(tenant.Visitor, "one");

        await Caller.Service.ExecuteAsync(
            """
            update public.conversations
            set last_sequence = 0, version = 0, last_message_preview = null, last_message_at = null, priority = 'high'
            where id = $1
            """,
            tenant.ConversationId);

        Assert.That((await tenant.SendAsync(tenant.Visitor, "two")).Number("sequence"), Is.EqualTo(4));
        Assert.That(await tenant.ReadLogNamesAsync(), Is.EqualTo(new[]
        {
            "1 conversation:created", "2 message:created", "3 conversation:updated", "4 message:created",
        }));
    }

    // Alone, because PostgreSQL takes 100 connections, and each writer has one.
    [NonParallelizable]
    [TestCase(50, TestName = "Fifty_writers_on_fifty_conversations_leave_no_hole_and_no_deadlock")]
    [TestCase(1, TestName = "Fifty_writers_on_one_conversation_leave_no_hole_and_no_deadlock")]
    public async Task Fifty_writers_leave_no_hole_and_no_deadlock(int conversations)
    {
        const int FiftyWriters = 50;
        const int Messages = 6;
        Tenant tenant = await Tenant.CreateAsync();
        List<Caller> visitors = [];
        for (int number = 0; number < conversations; number++)
            visitors.Add(await tenant.CreateOtherVisitorAsync());
        Guid[] ids = [.. visitors.Select(visitor => Json.Parse(visitor.Claims).GetProperty("campfire").GetProperty("conv").GetGuid())];

        // Deadlocks would end a writer with an error.
        await Task.WhenAll(Enumerable.Range(0, FiftyWriters).Select(async writer =>
        {
            for (int number = 0; number < Messages; number++)
            {
                await visitors[writer % conversations].CallAsync(
                    "campfire_send_message($1, $2, $3)", ids[writer % conversations], Guid.CreateVersion7(), $"{writer}/{number}");
            }
        }));

        long expected = 1 + (FiftyWriters / conversations * Messages);
        Assert.That(
            await Caller.Service.ListAsync<string>(
                """
                select count(*) || ' to ' || max(log.sequence) || ' of ' || conversation.last_sequence
                from public.conversation_events log join public.conversations conversation on conversation.id = log.conversation_id
                where conversation.id = any ($1) group by conversation.id
                """,
                ids),
            Is.EqualTo(Enumerable.Repeat($"{expected} to {expected} of {expected}", conversations)));
    }

    // Half of the writers call the function, half insert rows.
    private static Task WriteInParallelAsync(Tenant tenant) =>
        Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (int number = 0; number < MessagesPerWriter; number++)
            {
                if (writer % 2 == 0)
                    await tenant.SendAsync(writer % 4 == 0 ? tenant.Visitor : tenant.Agent, $"{writer}/{number}");
                else
                    await Caller.Owner.ExecuteAsync(
                        "insert into public.messages (conversation_id, content, sender_type) values ($1, $2, 'system')",
                        tenant.ConversationId, $"{writer}/{number}");
            }
        }));

    [Test]
    public async Task Insert_that_skips_a_known_id_takes_no_sequence()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        await tenant.SendAsync(tenant.Visitor, "Hello", id);

        PostgresException? refused = Assert.ThrowsAsync<PostgresException>(() => tenant.Visitor.ExecuteAsync(
            "insert into public.messages (id, conversation_id, content) values ($1, $2, 'Hello') on conflict do nothing", id, tenant.ConversationId));
        await tenant.SendAsync(tenant.Visitor, "next");

        Assert.That(refused!.SqlState, Is.EqualTo(PostgresErrorCodes.UniqueViolation));
        Assert.That((await tenant.ReadLogAsync()).Select(entry => entry.GetProperty("payload").Number("sequence")), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [Test]
    public async Task Deleted_row_of_a_message_leaves_its_place_in_the_log()
    {
        Tenant tenant = await Tenant.CreateAsync();
        Guid id = Guid.CreateVersion7();
        await tenant.SendAsync(tenant.Visitor, "Hello", id);
        await tenant.SendAsync(tenant.Visitor, "next");
        await Caller.Owner.ExecuteAsync("delete from public.messages where id = $1", id);

        List<JsonElement> log = await tenant.ReadLogAsync(after: 1);

        Assert.That(log.Select(entry => entry.GetProperty("payload").Number("sequence")), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(log[0].GetProperty("payload").Text("id"), Is.EqualTo(id.ToString()));
    }
}

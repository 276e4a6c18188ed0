using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;
using Campfire.Realtime.TestSupport;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Adoption;

// A database in use keeps all that it has, and works like a new one from then on.
public sealed class AdoptedDatabaseTests : AdoptionFixture
{
    private const string Acme = "00000000-0000-7000-8000-000000000001";
    private const string Conversation = "00000000-0000-7000-8000-0000000000c1";
    private const string OtherConversation = "00000000-0000-7000-8000-0000000000c2";

    private static readonly string[] _tables =
        ["organizations", "organization_members", "conversations", "messages", "realtime_conversations", "tickets", "audit"];

    private static Caller Agent { get; } = Caller.User(new("00000000-0000-7000-8000-00000000000a"));

    private static Caller Bookkeeper { get; } = Caller.User(new("00000000-0000-7000-8000-00000000000b"));

    private static Caller OtherOwner { get; } = Caller.User(new("00000000-0000-7000-8000-00000000000c"));

    [Test]
    public async Task Every_row_and_column_is_kept()
    {
        Dictionary<string, List<string>> columns = [];
        List<string> before = [];
        foreach (string table in _tables)
        {
            columns[table] = await ListAsync($"select attname::text from pg_attribute where attrelid = '{table}'::regclass and attnum > 0");
            before.AddRange(await ReadRowsAsync(table, columns[table]));
        }

        await MigrateAsync();

        List<string> after = [];
        foreach (string table in _tables)
            after.AddRange(await ReadRowsAsync(table, columns[table]));
        // What was null and must not be has been filled.
        Assert.That(
            after,
            Is.EqualTo(before.Select(row => row.Contains($"\"id\": \"{OtherConversation}\"", StringComparison.Ordinal)
                ? row.Replace("\"status\": null", "\"status\": \"open\"", StringComparison.Ordinal)
                    .Replace("\"priority\": null", "\"priority\": \"medium\"", StringComparison.Ordinal)
                    .Replace("\"updated_at\": null", "\"updated_at\": \"2026-02-01T00:00:00+00:00\"", StringComparison.Ordinal)
                : row)));
    }

    [Test]
    public async Task Messages_take_their_places_by_time_and_id()
    {
        await MigrateAsync();

        Assert.That(
            await ListAsync("select sequence || ' ' || coalesce(content, '') from messages order by conversation_id, sequence"),
            Is.EqualTo(new[] { "2 first", "3 second", "4 third", "5 secret that was taken back", "2 " }));
        Assert.That(
            await ListAsync(
                """
                select format('%s %s %s %s %s', right(conversation_id::text, 2), sequence, event, actor_type, right(actor_id, 1))
                from conversation_events order by conversation_id, sequence
                """),
            Is.EqualTo(new[]
            {
                "c1 1 conversation:created system ", "c1 2 message:created visitor ", "c1 3 message:created agent a",
                "c1 4 message:created visitor ", "c1 5 message:created ai ", "c2 1 conversation:created system ", "c2 2 message:created system ",
            }));
    }

    [Test]
    public async Task Conversations_have_a_mirror_row_that_tells_their_state()
    {
        await MigrateAsync();

        Assert.That(
            await ListAsync(
                """
                select format('%s %s %s %s %s %s %s', right(id::text, 2), status, priority, last_sequence, version, last_message_sender_type, last_message_preview)
                from realtime_conversations order by id
                """),
            Is.EqualTo(new[] { "c1 assigned urgent 5 1 ai ", "c2 open medium 2 1 system " }));
        Assert.That(
            await ListAsync(
                """
                select mirror.id::text from realtime_conversations mirror join conversations c using (id)
                where (mirror.organization_id, mirror.visitor_id, mirror.last_sequence, mirror.updated_at)
                    is not distinct from (c.organization_id, c.visitor_id, c.last_sequence, c.updated_at)
                """),
            Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Log_is_read_whole_and_hides_what_was_taken_back()
    {
        await MigrateAsync();

        JsonElement page = await CallAsync(Agent, $"campfire_events('{Conversation}')");

        List<JsonElement> payloads = [.. page.GetProperty("events").EnumerateArray().Select(entry => entry.GetProperty("payload"))];
        Assert.That(payloads.Select(payload => payload.Number("sequence")), Is.EqualTo(new[] { 1, 2, 3, 4, 5 }));
        Assert.That(payloads[2].GetProperty("attachments").GetArrayLength(), Is.Zero, "a shape that no client knows");
        Assert.That(payloads[4].Text("content"), Is.Empty);
        Assert.That(payloads[4].GetProperty("metadata").EnumerateObject(), Is.Empty);
        Assert.That(payloads[4].Text("deleted_at"), Is.Not.Null);
    }

    [Test]
    public async Task Triggers_of_the_application_stay_as_they_were_and_did_not_fire()
    {
        await MigrateAsync();

        Assert.That(await ListAsync("select what from audit"), Is.Empty);
        Assert.That(
            await ListAsync("select format('%s %s', tgname, tgenabled) from pg_trigger where tgname like 'note%' order by 1"),
            Is.EqualTo(new[] { "note_conversations O", "note_messages A", "note_messages_twice D", "note_mirror O" }));
    }

    [Test]
    public async Task Publication_keeps_other_tables_and_replaces_ours_and_rows_can_still_be_changed()
    {
        await MigrateAsync();

        Assert.That(
            await ListAsync("select tablename || ' ' || cardinality(attnames) from pg_publication_tables where pubname = 'supabase_realtime' order by 1"),
            Is.EqualTo(new[] { "conversations 6", "messages 7", "realtime_conversations 20", "tickets 2" }));
        await ExecuteAsync("update conversations set satisfaction = 5; update messages set is_internal = true");
        Assert.That(await ListAsync("select note from realtime_conversations"), Is.EqualTo(new[] { "kept", "kept" }));
    }

    [Test]
    public async Task Open_policies_of_the_application_are_kept_and_open_nothing()
    {
        await MigrateAsync();

        Assert.That(
            await ListAsync("select policyname::text from pg_policies where policyname like 'Any%' or policyname = 'members_read' order by 1"),
            Is.EqualTo(new[] { "Anyone can change", "Anyone can delete", "Anyone can do anything", "Anyone can read", "Anyone can write", "members_read" }));
        foreach (string table in new[] { "conversations", "messages", "realtime_conversations" })
        {
            Assert.That(await SeenAsync(Caller.User(Guid.NewGuid()), table), Is.Zero, table);
            Assert.That(await SeenAsync(OtherOwner, table), Is.EqualTo(1), table);
            Assert.That(await SeenAsync(Agent, table), Is.EqualTo(table == "messages" ? 3 : 1), table);
        }

        Assert.That(await SeenAsync(Caller.Anonymous, "realtime_conversations"), Is.Zero);
        // Also where the application grants again what was taken back.
        await ExecuteAsync("grant all on conversations, messages, realtime_conversations to anon, authenticated");
        foreach (string table in new[] { "conversations", "messages", "realtime_conversations" })
        {
            Assert.That(await SeenAsync(Caller.Anonymous, table), Is.Zero, table);
            Assert.That(await RunAsAsync(OtherOwner, connection => connection.ExecuteAsync($"delete from {table} where id::text like '%c1' or id::text like '%f_'")), Is.LessThan(2));
            Assert.That(await RunAsAsync(Caller.Anonymous, connection => connection.ExecuteAsync($"delete from {table}")), Is.Zero, table);
        }
    }

    [Test]
    public async Task What_was_deleted_is_read_by_nobody()
    {
        await MigrateAsync();
        Guid visitorId = await ReadAsync<Guid>($"select visitor_id from conversations where id = '{Conversation}'");

        foreach (Caller caller in new[] { Agent, Caller.Visitor(new(Acme), new(Conversation), visitorId) })
        {
            List<string> contents = await RunAsAsync(caller, connection => connection.ListAsync<string>("select content from messages order by sequence"));
            JsonElement page = await CallAsync(caller, $"campfire_messages('{Conversation}')");

            Assert.That(contents, Is.EqualTo(new[] { "first", "second", "third" }));
            Assert.That(page.GetRawText(), Does.Not.Contain("secret"));
        }
    }

    [Test]
    public async Task Stranger_deletes_no_organization_even_where_a_policy_of_the_application_lets_him()
    {
        await ExecuteAsync("create policy anything on organizations for all to authenticated using (true)");
        await MigrateAsync();
        await ExecuteAsync("alter table organization_members drop constraint organization_members_organization_id_fkey");

        int deleted = await RunAsAsync(Caller.User(Guid.NewGuid()), connection => connection.ExecuteAsync("delete from organizations"));

        Assert.That(deleted, Is.Zero);
        Assert.That(await ReadAsync<long>("select count(*) from conversations"), Is.EqualTo(2));
    }

    [Test]
    public async Task Trigger_that_keeps_a_conversation_from_changing_ends_a_message_with_an_error()
    {
        await MigrateAsync();
        await ExecuteAsync(
            """
            create function keep_still() returns trigger language plpgsql as 'begin return null; end';
            create trigger keep_still before update on conversations for each row execute function keep_still();
            """);

        await Refusal.AssertAsync(
            () => CallAsync(Agent, $"campfire_send_message('{Conversation}', gen_random_uuid(), 'hello')"), "PT409", "campfire_conflict");
    }

    [Test]
    public async Task Payloads_have_their_shape_whatever_the_rows_hold()
    {
        await ExecuteAsync(
            """
            update messages set metadata = '["no object"]', attachments = '[
                {"id":"00000000-0000-7000-8000-0000000000aa","file_name":"a","content_type":"b","size_bytes":1.5,"storage_path":"c"},
                {"id":"00000000-0000-7000-8000-0000000000ab","file_name":"a","content_type":"b","size_bytes":1,"storage_path":"c"}]'
            where content = 'first'
            """);
        await MigrateAsync();

        JsonElement page = await CallAsync(Agent, $"campfire_messages('{Conversation}')");

        JsonElement message = page.GetProperty("messages").EnumerateArray().Single(entry => entry.Text("content") == "first");
        Assert.That(message.GetProperty("metadata").EnumerateObject(), Is.Empty);
        Assert.That(message.GetProperty("attachments").EnumerateArray().Single().Text("id"), Does.EndWith("ab"));
    }

    [Test]
    public async Task Members_take_part_by_their_role_and_unknown_roles_only_read()
    {
        await MigrateAsync();

        await CallAsync(Agent, $"campfire_send_message('{Conversation}', gen_random_uuid(), 'hello')");
        await CallAsync(Bookkeeper, $"campfire_events('{Conversation}')");
        await Refusal.AssertAsync(
            () => CallAsync(Bookkeeper, $"campfire_send_message('{Conversation}', gen_random_uuid(), 'hello')"), "PT403", "campfire_not_participant");
        await Refusal.AssertAsync(() => CallAsync(OtherOwner, $"campfire_events('{Conversation}')"), "PT404", "campfire_not_found");
    }

    [Test]
    public async Task Conversation_goes_on_where_it_was()
    {
        await MigrateAsync();

        Guid visitorId = await ReadAsync<Guid>($"select visitor_id from conversations where id = '{Conversation}'");
        Caller visitor = Caller.Visitor(new(Acme), new(Conversation), visitorId);
        JsonElement sent = await CallAsync(visitor, $"campfire_send_message('{Conversation}', gen_random_uuid(), 'hello')");
        await CallAsync(Agent, $"campfire_update_conversation('{Conversation}', 'archived')");

        Assert.That(sent.Number("sequence"), Is.EqualTo(6));
        Assert.That(sent.Text("sender_name"), Is.EqualTo("Víctor"));
        Assert.That(
            await ListAsync($"select event from conversation_events where conversation_id = '{Conversation}' and sequence > 5 order by sequence"),
            Is.EqualTo(new[] { "message:created", "conversation:archived" }));
        Assert.That(
            await ReadAsync<string>($"select status || ' ' || last_sequence from realtime_conversations where id = '{Conversation}'"),
            Is.EqualTo("archived 7"));
        Assert.That(await ListAsync("select what from audit where what = 'messages INSERT'"), Has.Count.EqualTo(1), "the application's triggers fire again");
    }

    [Test]
    public async Task Programs_of_before_still_write_without_knowing_the_new_columns()
    {
        await MigrateAsync();

        await ExecuteAsync(
            $"""
            insert into conversations (id, organization_id, status, priority) values ('00000000-0000-7000-8000-0000000000c3', '{Acme}', null, null);
            insert into messages (conversation_id, content, sender_type) values ('00000000-0000-7000-8000-0000000000c3', 'hi', 'visitor');
            """);

        Assert.That(
            await ReadAsync<string>("select format('%s %s %s', status, last_sequence, last_message_preview) from realtime_conversations where id::text like '%c3'"),
            Is.EqualTo("open 2 hi"));
    }

    [Test]
    public async Task Texts_instead_of_enums_and_no_organizations_are_adopted_too()
    {
        await ExecuteAsync(
            """
            drop policy "Anyone can do anything" on conversations;
            alter table conversations alter column status drop default, alter column status type text, alter column priority type varchar(20);
            alter table messages alter column sender_type type text;
            alter table conversations drop constraint conversations_organization_id_fkey;
            drop table organization_members, organizations, realtime_conversations;
            drop trigger sync_realtime_conversations_trigger on conversations;
            """);

        await MigrateAsync();

        Assert.That(
            await ListAsync("select name from organizations order by name"),
            Is.EqualTo(new[] { $"Organization {Acme}", "Organization 00000000-0000-7000-8000-000000000002" }));
        await ExecuteAsync($"insert into organization_members (organization_id, user_id) values ('{Acme}', '00000000-0000-7000-8000-00000000000a')");
        await CallAsync(Agent, $"campfire_send_message('{Conversation}', gen_random_uuid(), 'hello')");
        await CallAsync(Agent, $"campfire_update_conversation('{Conversation}', 'closed', 'low')");
        await Refusal.AssertAsync(() => ExecuteAsync("update conversations set status = 'unheard of'"), "PT422", "campfire_invalid");
        Assert.That(
            await ReadAsync<string>($"select status || ' ' || last_sequence from realtime_conversations where id = '{Conversation}'"),
            Is.EqualTo("closed 7"));
    }

    [Test]
    public async Task What_is_written_between_two_scripts_is_neither_lost_nor_refused()
    {
        int count = CampfireMigrations.All.Count;
        for (int applied = 1; applied <= count; applied++)
        {
            await new CampfireMigrator(Emulator.ConnectionString, null, [.. CampfireMigrations.All.Take(applied)]).MigrateAsync();
            await ExecuteAsync(
                $"""
                insert into messages (conversation_id, content, sender_type) values ('{OtherConversation}', '{applied}', 'visitor');
                with opened as (insert into conversations (organization_id, channel) values ('{Acme}', '{applied}') returning id)
                insert into messages (conversation_id, content, sender_type) select id, 'in {applied}', 'visitor' from opened;
                update conversations set tags = array['{applied}'] where channel = '{applied}';
                """);
        }

        Assert.That(await ReadAsync<long>($"select count(*) from messages where conversation_id = '{OtherConversation}'"), Is.EqualTo(count + 1));
        Assert.That(
            await ListAsync(
                """
                select c.id::text from conversations c
                where c.last_sequence <> (select count(*) from conversation_events e where e.conversation_id = c.id)
                   or c.last_sequence <> (select max(sequence) from conversation_events e where e.conversation_id = c.id)
                   or (select count(*) from messages m where m.conversation_id = c.id)
                      <> (select count(*) from conversation_events e join messages m on m.id = e.message_id and m.sequence = e.sequence where e.conversation_id = c.id)
                   or not exists (select from realtime_conversations r where (r.id, r.last_sequence, r.version) = (c.id, c.last_sequence, c.version))
                """),
            Is.Empty);
    }

    [Test]
    public async Task Dry_run_tries_the_whole_adoption_and_changes_nothing()
    {
        string before = await ReadAsync<string>(Catalogue.Query);

        MigrationPreview preview = await new CampfireMigrator(Emulator.ConnectionString).PreviewAsync();

        Assert.That(preview.Pending, Is.EqualTo(CampfireMigrations.All));
        Assert.That(preview.Untried, Is.Empty);
        Assert.That(await ReadAsync<string>(Catalogue.Query), Is.EqualTo(before));
        Assert.That(await ReadAsync<bool>("select to_regnamespace('campfire') is null"), Is.True);
    }

    [Test]
    public async Task Doctor_finds_nothing_in_an_adopted_database()
    {
        await MigrateAsync();

        DoctorReport report = await new CampfireDoctor(Emulator.ConnectionString).ExamineAsync();

        Assert.That(report.Findings, Is.Empty);
    }

    [Test]
    public async Task Supabase_CLI_adopts_with_the_exported_files_as_the_migrator_does()
    {
        await MigrateAsync();
        string migrated = await ReadAsync<string>(Catalogue.Query);
        await ResetAsync();
        await InstallOriginalSystemAsync();
        using TemporaryFolder folder = new();

        foreach (ExportedMigration file in await CampfireMigrations.ExportAsync(folder.FullPath))
            await ExecuteAsync(await File.ReadAllTextAsync(file.Path));

        Assert.That(await ReadAsync<string>(Catalogue.Query), Is.EqualTo(migrated));
        Assert.That(await new CampfireMigrator(Emulator.ConnectionString).GetPendingAsync(), Is.Empty);
        Assert.That(await ReadAsync<string>($"select string_agg(content, ', ' order by sequence) from messages where conversation_id = '{Conversation}'"),
            Does.StartWith("first, second, third"));
    }

    private Task<long> SeenAsync(Caller caller, string table) =>
        RunAsAsync(caller, connection => connection.ReadAsync<long>($"select count(id) from {table}"));

    private Task<List<string>> ReadRowsAsync(string table, List<string> columns) =>
        ListAsync($"select '{table} ' || to_jsonb(t)::text from (select {string.Join(", ", columns)} from {table}) t order by 1");
}

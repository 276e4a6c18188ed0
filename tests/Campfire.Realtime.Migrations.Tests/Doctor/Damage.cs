namespace Campfire.Realtime.Migrations.Tests.Doctor;

// One way to break a database, and the finding that must come of it.
internal sealed record Damage(
    string Code, string Break, DoctorSeverity Severity = DoctorSeverity.Error, string? Object = null, bool FixNeedsSuperuser = false)
{
    private const string Conversation = """
        insert into public.organizations (id, name) values ('a0000000-0000-4000-8000-000000000001', 'Acme');
        insert into public.conversations (id, organization_id, visitor_id)
        values ('c0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', gen_random_uuid());
        insert into public.messages (conversation_id, content, sender_type)
        values ('c0000000-0000-4000-8000-000000000001', 'One', 'system'), ('c0000000-0000-4000-8000-000000000001', 'Two', 'system');
        update public.conversations set priority = 'high' where id = 'c0000000-0000-4000-8000-000000000001';
        """;

    private static readonly string[] Triggers =
    [
        "prepare_conversation_trigger on public.conversations",
        "sync_realtime_conversations_trigger on public.conversations",
        "prepare_message_trigger on public.messages",
        "record_message_trigger on public.messages",
        "prepare_message_change_trigger on public.messages",
        "record_message_change_trigger on public.messages",
    ];

    public static IReadOnlyList<Damage> Platform { get; } =
    [
        new("role_missing", "alter role anon rename to nobody", Object: "anon"),
        new("realtime_table_missing", "drop table realtime.messages cascade", Object: "realtime.messages"),
        new("realtime_send_missing", "drop function realtime.send(jsonb, text, text, boolean)"),
        new("realtime_publication_missing", "alter publication supabase_realtime_messages_publication drop table realtime.messages"),
        new("realtime_publication_missing", "drop publication supabase_realtime_messages_publication"),
        new("partition_missing", DropPartition(0)),
        new("partition_missing", DropPartition(1), DoctorSeverity.Warning),
    ];

    public static IReadOnlyList<Damage> Migrations { get; } =
    [
        new("migration_pending", "delete from campfire.migrations where name = (select max(name) from campfire.migrations)"),
        new("migration_pending", "drop table campfire.migrations", Object: CampfireMigrations.All[0].Name),
        new("migration_unknown", "insert into campfire.migrations (name, checksum, package_version) values ('9999_future', '0', '9')", Object: "9999_future"),
        new("migration_edited", "update campfire.migrations set checksum = '0' where name = '0003_tables'", Object: "0003_tables"),
        new("migration_skipped", "delete from campfire.migrations where name = '0003_tables'", Object: "0003_tables"),
    ];

    public static IReadOnlyList<Damage> Schema { get; } =
    [
        new("table_missing", "drop table public.message_attachments cascade", Object: "public.message_attachments"),
        new("table_missing", "drop table campfire.settings", Object: "campfire.settings"),
        new("column_missing", "alter table public.conversations drop column assignment_metadata", Object: "public.conversations.assignment_metadata"),
        .. Triggers.Select(trigger => new Damage("trigger_missing", $"drop trigger {trigger}", Object: trigger)),
        new("trigger_missing", """
            create or replace trigger record_message_trigger after insert on public.messages
            for each row execute function campfire.record_message_change()
            """),
        new("trigger_missing", """
            create or replace trigger record_message_trigger after insert on public.messages
            for each row when (new.sender_type = 'nobody') execute function campfire.record_message()
            """),
        new("trigger_missing", """
            create or replace trigger record_message_trigger after update on public.messages
            for each row execute function campfire.record_message()
            """),
        new("trigger_disabled", "alter table public.messages disable trigger record_message_trigger", Object: "record_message_trigger on public.messages"),
        new("trigger_disabled", "alter table public.messages enable replica trigger prepare_message_trigger"),
        new("function_missing", "drop function public.campfire_find_widget_key(text)", Object: "public.campfire_find_widget_key(text)"),
        new("function_security", "alter function campfire.is_member(uuid) security invoker"),
        new("function_security", "alter function campfire.caller() security definer"),
        new("function_search_path", "alter function campfire.is_member(uuid) reset search_path"),
        new("function_search_path", "alter function public.campfire_assign(uuid, uuid) set search_path = public"),
        new("function_owner", "alter function campfire.read_conversation(uuid) owner to authenticated"),
        new("grant_extra", "grant usage on schema campfire to anon", Object: "schema campfire to anon"),
        new("grant_extra", "grant execute on function campfire.lock_message(uuid) to public", Object: "function campfire.lock_message(uuid) to public"),
        new("grant_extra", "grant execute on function public.campfire_claim(uuid, text, text, bigint) to anon"),
        new("grant_extra", "grant update, delete on public.messages to anon", Object: "table public.messages to anon"),
        new("grant_extra", "grant select (ai_metadata) on public.messages to anon", Object: "table public.messages to anon"),
        new("grant_extra", "grant all on campfire.settings to service_role"),
        new("grant_missing", "revoke execute on function campfire.can_receive(text) from anon"),
        new("grant_missing", "revoke select on public.conversations from authenticated", Object: "table public.conversations to authenticated"),
        new("grant_missing", "revoke insert (content) on public.messages from anon", Object: "table public.messages to anon"),
        new("row_security_off", "alter table public.widget_keys disable row level security", Object: "public.widget_keys"),
        new("row_security_off", "alter table public.organization_members disable row level security"),
        new("row_security_off", "alter table realtime.messages disable row level security", Object: "realtime.messages"),
        new("policy_missing", "drop policy messages_select_visitor on public.messages", Object: "messages_select_visitor on public.messages"),
        new("policy_missing", "drop policy realtime_conv_update on public.realtime_conversations"),
        new("policy_missing", "drop policy campfire_messages_select_participant on realtime.messages"),
        new("policy_changed", "alter policy messages_select_member on public.messages using (true)"),
        new("policy_changed", "alter policy realtime_conv_select on public.realtime_conversations to public"),
        new("policy_changed", "alter policy campfire_messages_insert_typing on realtime.messages with check (extension = 'broadcast')"),
        new("policy_open", "create policy theirs on public.message_attachments for select to anon using (true)", Object: "theirs on public.message_attachments"),
        new("policy_open", "create policy theirs on public.conversation_receipts using (true)"),
        new("policy_open", "create policy theirs on realtime.messages for insert to authenticated with check (true)", Object: "theirs on realtime.messages"),
        new("membership_writable", """
            grant insert on public.organization_members to anon;
            create policy theirs on public.organization_members for insert to anon with check (true);
            """),
        new("membership_writable", """
            grant insert on public.organization_members to authenticated;
            create policy theirs on public.organization_members for insert to authenticated with check (user_id = auth.uid());
            """,
            DoctorSeverity.Warning),
        new("membership_unreachable", """
            create role stranger bypassrls;
            alter function campfire.is_member(uuid) owner to stranger;
            """),
        new("membership_unreachable", """
            create role stranger bypassrls;
            alter function campfire.is_member(uuid) owner to stranger;
            alter table public.organization_members owner to supabase_admin;
            """),
        new("index_missing", "drop index public.idx_messages_organization_id", DoctorSeverity.Warning, "public.messages (organization_id)"),
        new("index_missing", "alter table public.messages drop constraint messages_conversation_id_sequence_key", Object: "public.messages (conversation_id, sequence)"),
        new("index_missing", "drop index public.idx_realtime_conversations_organization_id_status_updated_at", DoctorSeverity.Warning),
        new("index_missing", "alter table public.realtime_conversations drop constraint realtime_conversations_pkey", Object: "public.realtime_conversations (id)"),
    ];

    public static IReadOnlyList<Damage> Publication { get; } =
    [
        new("publication_missing", "drop publication supabase_realtime"),
        new("publication_all_tables", "drop publication supabase_realtime; create publication supabase_realtime for all tables", FixNeedsSuperuser: true),
        new("publication_all_tables", "drop publication supabase_realtime; create publication supabase_realtime for tables in schema public", FixNeedsSuperuser: true),
        new("publication_operations", "alter publication supabase_realtime set (publish = 'insert, update')"),
        new("publication_table_missing", "alter publication supabase_realtime drop table public.messages", Object: "public.messages"),
        new("publication_table_missing", "alter publication supabase_realtime drop table public.realtime_conversations"),
        new("publication_table_extra", "alter publication supabase_realtime add table public.conversation_events", Object: "public.conversation_events"),
        new("publication_not_scalar", """
            alter publication supabase_realtime drop table public.conversations;
            alter publication supabase_realtime add table public.conversations;
            """,
            Object: "public.conversations"),
        new("publication_not_scalar", "alter table public.realtime_conversations add column theirs text[]", Object: "public.realtime_conversations"),
        // As an adopted table may have it; the fix publishes the other columns.
        new("publication_not_scalar", """
            alter publication supabase_realtime drop table public.conversations;
            alter table public.conversations alter column created_at drop default, alter column created_at type jsonb using to_jsonb(created_at);
            alter publication supabase_realtime add table
                public.conversations (id, organization_id, customer_name, customer_email, created_at, updated_at);
            """,
            Object: "public.conversations"),
        new("publication_columns", """
            alter publication supabase_realtime drop table public.messages;
            alter publication supabase_realtime add table public.messages (id, content);
            """,
            Object: "public.messages"),
        new("publication_columns", """
            alter publication supabase_realtime drop table public.realtime_conversations;
            alter publication supabase_realtime add table public.realtime_conversations where (status = 'open');
            """),
        new("publication_replica_identity", "alter table public.messages replica identity full", Object: "public.messages"),
    ];

    public static IReadOnlyList<Damage> Data { get; } =
    [
        new("settings_missing", "delete from campfire.settings"),
        new("mirror_missing", Conversation + "delete from public.realtime_conversations"),
        new("mirror_stale", Conversation + "update public.realtime_conversations set status = 'closed'"),
        new("mirror_orphan", Conversation + """
            insert into public.realtime_conversations
            select (jsonb_populate_record(mirror, jsonb_build_object('id', gen_random_uuid()))).* from public.realtime_conversations mirror
            """),
        new("log_ahead", Conversation + """
            alter table public.conversations disable trigger prepare_conversation_trigger;
            update public.conversations set last_sequence = 2;
            alter table public.conversations enable trigger prepare_conversation_trigger;
            """),
        new("log_hole", Conversation + "delete from public.conversation_events where sequence = 2"),
        new("log_hole", Conversation + "delete from public.conversation_events where sequence in (2, 4)",
            Object: "public.conversation_events c0000000-0000-4000-8000-000000000001"),
    ];

    // Those that cannot be undone by rolling back have tests of their own.
    public static IReadOnlyList<Damage> All { get; } = [.. Platform, .. Migrations, .. Schema, .. Publication, .. Data];

    private static string DropPartition(int daysAhead) => $"""
        do $$ begin
            execute format('drop table realtime.%I', 'messages_' || to_char((now() at time zone 'utc')::date + {daysAhead}, 'YYYY_MM_DD'));
        end $$
        """;
}

using Campfire.Realtime.Migrations.Tests.Support;

namespace Campfire.Realtime.Migrations.Tests;

// What the migrated database must look like from outside, read from its own catalogue.
public sealed class CatalogTests
{
    private const string OurTables = """
        ('organizations', 'organization_members', 'widget_keys', 'conversations', 'messages', 'message_attachments',
         'conversation_events', 'conversation_receipts', 'realtime_conversations')
        """;

    private const string OurFunctions = """
        pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where (n.nspname = 'campfire' or (n.nspname = 'public' and p.proname like 'campfire\_%'))
        """;

    [Test]
    public async Task Publication_holds_exactly_the_agreed_columns() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                """
                select tablename || ': ' || array_to_string(attnames, ', ')
                from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' order by tablename
                """),
            Is.EqualTo(new[]
            {
                "conversations: id, organization_id, customer_name, customer_email, created_at, updated_at",
                "messages: id, conversation_id, organization_id, content, sender_type, sender_name, sender_email, created_at",
                "realtime_conversations: id, organization_id, visitor_id, customer_name, customer_email, status, priority, "
                    + "assigned_agent_id, handler_type, handler_id, handler_epoch, handover_requested_at, version, last_sequence, last_message_preview, "
                    + "last_message_at, last_message_sender_type, created_at, updated_at",
            }));

    [Test]
    public async Task Publication_holds_scalars_only() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                """
                select t.tablename || '.' || a.attname || ' ' || a.atttypid::regtype
                from pg_publication_tables t
                join pg_attribute a
                    on a.attrelid = format('%I.%I', t.schemaname, t.tablename)::regclass and a.attname = any (t.attnames)
                where t.pubname = 'supabase_realtime' and a.atttypid not in (
                    'uuid'::regtype, 'text'::regtype, 'bigint'::regtype, 'timestamptz'::regtype)
                """),
            Is.Empty);

    [Test]
    public async Task Every_table_has_row_level_security() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                $"""
                select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where ((n.nspname = 'public' and relname in {OurTables}) or n.nspname = 'campfire')
                  and relkind = 'r' and not relrowsecurity
                """),
            Is.Empty);

    [Test]
    public async Task No_policy_lets_everybody_in() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                $"""
                select policyname::text from pg_policies
                where ((schemaname = 'public' and tablename in {OurTables}) or (schemaname = 'realtime' and policyname like 'campfire%'))
                  and (qual = 'true' or with_check = 'true' or 'public' = any (roles))
                """),
            Is.Empty);

    [Test]
    public async Task Every_function_pins_an_empty_search_path_and_belongs_to_postgres() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                $"""
                select p.oid::regprocedure::text from {OurFunctions}
                  and (array_to_string(p.proconfig, ',') is distinct from 'search_path=""' or p.proowner <> 'postgres'::regrole)
                """),
            Is.Empty);

    [Test]
    public async Task Functions_are_executable_by_exactly_whom_they_serve() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                $"""
                select p.proname || ': ' || string_agg(
                    case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ', ' order by a.grantee::regrole::text)
                from {OurFunctions.Replace("where", "cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where", StringComparison.Ordinal)}
                  and a.grantee <> p.proowner
                group by p.oid, p.proname order by p.proname
                """),
            Is.EqualTo(new[]
            {
                "campfire_assign: authenticated, service_role",
                "campfire_claim: authenticated, service_role",
                "campfire_conversations: authenticated, service_role",
                "campfire_delete_message: anon, authenticated, service_role",
                "campfire_edit_message: anon, authenticated, service_role",
                "campfire_events: anon, authenticated, service_role",
                "campfire_find_widget_key: service_role",
                "campfire_mark: anon, authenticated",
                "campfire_messages: anon, authenticated, service_role",
                "campfire_open_conversation: service_role",
                "campfire_request_handover: anon, service_role",
                "campfire_send_message: anon, authenticated, service_role",
                "campfire_update_conversation: authenticated, service_role",
                "can_broadcast: anon, authenticated",
                "can_receive: anon, authenticated",
                "can_track_presence: anon, authenticated",
                "member_organizations: anon, authenticated",
                "visitor_conversation_id: anon, authenticated",
            }));

    [Test]
    public async Task Tables_are_granted_exactly_as_meant() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                $"""
                select table_name || ' ' || grantee || ': ' || string_agg(lower(privilege_type), ', ' order by privilege_type)
                from information_schema.role_table_grants
                where table_schema = 'public' and table_name in {OurTables}
                  and grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')
                group by table_name, grantee order by table_name, grantee
                """),
            Is.EqualTo(new[]
            {
                "conversation_events service_role: select",
                "conversation_receipts anon: select",
                "conversation_receipts authenticated: select",
                "conversation_receipts service_role: select",
                "conversations authenticated: select",
                "conversations service_role: delete, insert, select, update",
                "message_attachments anon: select",
                "message_attachments authenticated: select",
                "message_attachments service_role: select",
                "messages authenticated: select",
                "messages service_role: insert, select, update",
                "organization_members authenticated: select",
                "organization_members service_role: delete, insert, select, update",
                "organizations authenticated: select",
                "organizations service_role: delete, insert, select, update",
                "realtime_conversations anon: select",
                "realtime_conversations authenticated: select",
                "realtime_conversations service_role: select",
                "widget_keys service_role: delete, insert, select, update",
            }));

    [Test]
    public async Task Every_foreign_key_and_policy_column_is_indexed() =>
        Assert.That(
            await Caller.Owner.ListAsync<string>(
                """
                with wanted as (
                    select conrelid as relation, conkey[1] as position from pg_constraint
                    where contype = 'f' and connamespace = 'public'::regnamespace
                    union
                    select attrelid, attnum from pg_attribute a join pg_class c on c.oid = a.attrelid
                    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                      and attname in ('organization_id', 'conversation_id'))
                select relation::regclass || '.' || a.attname
                from wanted w join pg_attribute a on a.attrelid = w.relation and a.attnum = w.position
                where not exists (select from pg_index i where i.indrelid = w.relation and i.indkey[0] = w.position)
                """),
            Is.Empty);
}

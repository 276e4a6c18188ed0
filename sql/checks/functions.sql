-- The functions: all there, and safe to run with their owner's rights.

with expected (signature, is_definer, script) as (values
    ('campfire.fail(integer, text, text, text)', false, '0002_schema'),
    ('campfire.invalid(text, text)', false, '0002_schema'),
    ('campfire.check_object(text, jsonb)', false, '0002_schema'),
    ('campfire.iso_time(timestamptz)', false, '0002_schema'),
    ('campfire.to_uuid(text)', false, '0002_schema'),
    ('campfire.caller()', false, '0004_identity'),
    ('campfire.is_member(uuid)', true, '0004_identity'),
    ('campfire.member_organizations(boolean)', true, '0004_identity'),
    ('campfire.visitor_conversation_id()', true, '0004_identity'),
    ('campfire.require_participant(uuid, boolean)', true, '0004_identity'),
    ('campfire.can_receive(text)', true, '0004_identity'),
    ('campfire.can_broadcast(text)', true, '0004_identity'),
    ('campfire.can_track_presence(text)', true, '0004_identity'),
    ('campfire.conversation_payload(public.realtime_conversations)', false, '0006_conversations'),
    ('campfire.conversation_changes(public.conversations, public.conversations)', false, '0006_conversations'),
    ('campfire.prepare_conversation()', true, '0006_conversations'),
    ('campfire.sync_realtime_conversations()', true, '0006_conversations'),
    ('campfire.write_conversation_events(public.conversations, public.conversations, jsonb)', true, '0006_conversations'),
    ('campfire.known_attachments(jsonb)', false, '0007_messages'),
    ('campfire.message_payload(public.messages)', false, '0007_messages'),
    ('campfire.message_event_payload(text, bigint, public.messages)', false, '0007_messages'),
    ('campfire.normalize_attachments(jsonb)', false, '0007_messages'),
    ('campfire.check_message(text, jsonb, jsonb)', false, '0007_messages'),
    ('campfire.count_visitor_message(uuid)', true, '0007_messages'),
    ('campfire.message_preview(text, jsonb)', false, '0007_messages'),
    ('campfire.prepare_message()', true, '0007_messages'),
    ('campfire.record_message()', true, '0007_messages'),
    ('campfire.prepare_message_change()', true, '0008_edits'),
    ('campfire.record_message_change()', true, '0008_edits'),
    ('public.campfire_open_conversation(uuid, uuid, text, text, uuid, jsonb, text)', true, '0009_sending'),
    ('public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb)', true, '0009_sending'),
    ('campfire.lock_message(uuid)', true, '0009_sending'),
    ('public.campfire_edit_message(uuid, text, bigint)', true, '0009_sending'),
    ('public.campfire_delete_message(uuid)', true, '0009_sending'),
    ('public.campfire_mark(uuid, bigint, bigint)', true, '0009_sending'),
    ('campfire.read_conversation(uuid)', true, '0010_handling'),
    ('campfire.refuse_archived(text)', false, '0010_handling'),
    ('public.campfire_update_conversation(uuid, text, text, text[])', true, '0010_handling'),
    ('public.campfire_assign(uuid, uuid)', true, '0010_handling'),
    ('public.campfire_request_handover(uuid, text, text)', true, '0010_handling'),
    ('public.campfire_claim(uuid, text, text, bigint)', true, '0010_handling'),
    ('campfire.check_limit(integer, integer)', false, '0011_queries'),
    ('public.campfire_events(uuid, bigint, integer)', true, '0011_queries'),
    ('public.campfire_messages(uuid, bigint, integer)', true, '0011_queries'),
    ('public.campfire_conversations(uuid, text, timestamptz, timestamptz, integer, uuid)', true, '0011_queries'),
    ('public.campfire_find_widget_key(text)', true, '0011_queries')
),
-- Not to_regprocedure, which raises on PostgreSQL 15 where a table is missing whose row is an argument.
located as (
    select expected.signature, expected.is_definer, expected.script, existing.oid
    from expected
    left join pg_catalog.pg_proc existing
        on existing.pronamespace = to_regnamespace(split_part(expected.signature, '.', 1))
        and existing.proname = split_part(split_part(expected.signature, '(', 1), '.', 2)
        and replace(oidvectortypes(existing.proargtypes), 'public.', '')
            = replace(replace(substring(expected.signature from '\((.*)\)'), 'public.', ''), 'timestamptz', 'timestamp with time zone')
),
-- Whatever is in the schema campfire, and what is ours in public.
ours as (
    select existing.oid, existing.prosecdef, existing.proconfig, existing.proowner, existing.oid::regprocedure::text as name
    from pg_catalog.pg_proc existing
    where existing.pronamespace = to_regnamespace('campfire')
       or existing.oid in (select oid from located)
)
select
    'function_missing' as code,
    'error' as severity,
    located.signature as object,
    'The function does not exist, although the migration that makes it has been applied.' as message,
    format('-- Take the function''s CREATE FUNCTION from sql/migrations/%s.sql, with its REVOKE and GRANT.', located.script) as fix
from located
where located.oid is null

union all
select
    'function_security', 'error', located.signature,
    case when located.is_definer
        then 'The function is SECURITY INVOKER, and the callers that it serves lack the rights for what it does.'
        else 'The function is SECURITY DEFINER without need, so it lends its owner''s rights to whoever reaches it.'
    end,
    format('alter function %s security %s', located.signature, case when located.is_definer then 'definer' else 'invoker' end)
from located
join ours on ours.oid = located.oid and ours.prosecdef <> located.is_definer

union all
select
    'function_search_path', 'error', ours.name,
    'The function does not pin an empty search_path: whoever can create objects in a schema of the caller''s path '
        || 'can make it run their code with its owner''s rights.',
    format('alter function %s set search_path = ''''', ours.name)
from ours
where not coalesce('search_path=""' = any (ours.proconfig), false)

union all
select
    'function_owner', 'error', ours.name,
    format('The function runs with the rights of its owner %s, whom row level security binds, so it does not see what it needs.',
        owner.rolname),
    format('alter function %s owner to postgres', ours.name)
from ours
join pg_catalog.pg_roles owner on owner.oid = ours.proowner
where ours.prosecdef and not owner.rolbypassrls and not owner.rolsuper

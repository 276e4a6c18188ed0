-- Our policies say what they said when they were made, and none of anybody else opens everything beside them.

with expected (table_name, name, kind, command, roles, using_expression, check_expression) as (values
    ('public.organizations', 'organizations_select_member', 'permissive', 'r', '{authenticated}'::text[],
        '(id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.organization_members', 'organization_members_select_member', 'permissive', 'r', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.conversations', 'conversations_select_member', 'permissive', 'r', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.messages', 'messages_select_member', 'permissive', 'r', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.messages', 'messages_select_visitor', 'permissive', 'r', '{anon}',
        '(conversation_id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id))', null),
    ('public.messages', 'messages_insert_member', 'permissive', 'a', '{authenticated}',
        null, '(organization_id IN ( SELECT campfire.member_organizations(p_can_write => true) AS member_organizations))'),
    ('public.messages', 'messages_insert_visitor', 'permissive', 'a', '{anon}',
        null, '(conversation_id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id))'),
    ('public.message_attachments', 'message_attachments_select_member', 'permissive', 'r', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.message_attachments', 'message_attachments_select_visitor', 'permissive', 'r', '{anon}',
        '(conversation_id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id))', null),
    ('public.conversation_receipts', 'conversation_receipts_select_member', 'permissive', 'r', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations() AS member_organizations))', null),
    ('public.conversation_receipts', 'conversation_receipts_select_visitor', 'permissive', 'r', '{anon}',
        '(conversation_id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id))', null),
    ('public.realtime_conversations', 'realtime_conv_select', 'permissive', 'r', '{anon,authenticated}',
        '((organization_id IN ( SELECT campfire.member_organizations() AS member_organizations)) '
            || 'OR (id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id)))', null),
    ('public.realtime_conversations', 'realtime_conv_insert', 'permissive', 'a', '{authenticated}',
        null, '(organization_id IN ( SELECT campfire.member_organizations(p_can_write => true) AS member_organizations))'),
    ('public.realtime_conversations', 'realtime_conv_update', 'permissive', 'w', '{authenticated}',
        '(organization_id IN ( SELECT campfire.member_organizations(p_can_write => true) AS member_organizations))',
        '(organization_id IN ( SELECT campfire.member_organizations(p_can_write => true) AS member_organizations))'),
    ('public.conversations', 'conversations_all_participant', 'restrictive', '*', '{anon,authenticated}',
        '((organization_id IN ( SELECT campfire.member_organizations() AS member_organizations)) '
            || 'OR (id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id)))', null),
    ('public.messages', 'messages_all_participant', 'restrictive', '*', '{anon,authenticated}',
        '((deleted_at IS NULL) AND ((organization_id IN ( SELECT campfire.member_organizations() AS member_organizations)) '
            || 'OR (conversation_id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id))))', null),
    ('public.organizations', 'organizations_delete_member', 'restrictive', 'd', '{anon,authenticated}',
        '(id IN ( SELECT campfire.member_organizations(p_can_write => true) AS member_organizations))', null),
    ('public.realtime_conversations', 'realtime_conversations_all_participant', 'restrictive', '*', '{anon,authenticated}',
        '((organization_id IN ( SELECT campfire.member_organizations() AS member_organizations)) '
            || 'OR (id = ( SELECT campfire.visitor_conversation_id() AS visitor_conversation_id)))', null),
    ('realtime.messages', 'campfire_messages_select_participant', 'permissive', 'r', '{anon,authenticated}',
        '((extension = ANY (ARRAY[''broadcast''::text, ''presence''::text])) '
            || 'AND ( SELECT campfire.can_receive(( SELECT realtime.topic() AS topic)) AS can_receive))', null),
    ('realtime.messages', 'campfire_messages_insert_typing', 'permissive', 'a', '{anon,authenticated}',
        null, '((extension = ''broadcast''::text) '
            || 'AND ( SELECT campfire.can_broadcast(( SELECT realtime.topic() AS topic)) AS can_broadcast))'),
    ('realtime.messages', 'campfire_messages_insert_presence', 'permissive', 'a', '{anon,authenticated}',
        null, '((extension = ''presence''::text) '
            || 'AND ( SELECT campfire.can_track_presence(( SELECT realtime.topic() AS topic)) AS can_track_presence))')
),
existing as (
    select
        policy.polrelid, policy.polname, policy.polcmd, policy.polpermissive,
        -- PUBLIC is oid 0.
        array(
            select case role.oid when 0 then 'public' else pg_catalog.pg_get_userbyid(role.oid)::text end
            from unnest(policy.polroles) as role (oid) order by 1) as roles,
        regexp_replace(pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '\s+', ' ', 'g') as using_expression,
        regexp_replace(pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid), '\s+', ' ', 'g') as check_expression
    from pg_catalog.pg_policy policy
    where policy.polrelid in (
        to_regclass('public.organizations'), to_regclass('public.organization_members'), to_regclass('public.widget_keys'),
        to_regclass('public.conversations'), to_regclass('public.messages'), to_regclass('public.message_attachments'),
        to_regclass('public.conversation_events'), to_regclass('public.conversation_receipts'),
        to_regclass('public.realtime_conversations'), to_regclass('realtime.messages'))
),
command (letter, word, privilege) as (values
    ('r'::"char", 'select', 'SELECT'), ('a', 'insert', 'INSERT'), ('w', 'update', 'UPDATE'), ('d', 'delete', 'DELETE')
)
select
    case when existing.polname is null then 'policy_missing' else 'policy_changed' end as code,
    'error' as severity,
    format('%s on %s', expected.name, expected.table_name) as object,
    case when existing.polname is null
        then 'The policy does not exist, so those whom it serves find nothing and may join nothing.'
        else 'The policy is not the one that the migrations made: it may show rows to strangers, or hide them from participants.'
    end as message,
    format('drop policy if exists %I on %s; create policy %I on %s as %s for %s to %s%s%s',
        expected.name, expected.table_name, expected.name, expected.table_name, expected.kind,
        coalesce((select word from command where letter = expected.command::"char"), 'all'),
        array_to_string(expected.roles, ', '),
        ' using ' || expected.using_expression,
        ' with check ' || expected.check_expression) as fix
from expected
left join existing on existing.polrelid = to_regclass(expected.table_name) and existing.polname = expected.name
where to_regclass(expected.table_name) is not null
  and (existing.polname is null
    or existing.polpermissive <> (expected.kind = 'permissive')
    or existing.polcmd <> expected.command::"char"
    or existing.roles <> expected.roles
    or existing.using_expression is distinct from expected.using_expression
    or existing.check_expression is distinct from expected.check_expression)

union all
-- A policy of the application that says true opens what a grant of the same role reaches, unless a restrictive
-- policy bounds it. On realtime.messages this is true of signed-in users as well: no grant stands in their way,
-- and it would let any of them listen to, or forge, what is said in any conversation.
select
    'policy_open', 'error', format('%I on %s', existing.polname, existing.polrelid::regclass),
    format('The policy lets %s %s every row, whatever our policies say.',
        string_agg(distinct role.name, ' and '), string_agg(distinct command.word, ', ')),
    format('drop policy %I on %s', existing.polname, existing.polrelid::regclass)
from existing
join command on existing.polcmd in (command.letter, '*')
join (values ('anon'), ('authenticated')) as role (name)
    on existing.roles && array[role.name, 'public']
    and (role.name = 'anon' or existing.polrelid = to_regclass('realtime.messages'))
where existing.polpermissive
  and (case when command.letter = 'a'
    then coalesce(existing.check_expression, existing.using_expression)
    else existing.using_expression end) = 'true'
  -- Who may write memberships is a finding of its own.
  and (command.letter = 'r' or existing.polrelid <> to_regclass('public.organization_members'))
  and not exists (
    select from expected
    where to_regclass(expected.table_name) = existing.polrelid and expected.name = existing.polname)
  and has_any_column_privilege(role.name, existing.polrelid, case when command.letter = 'd' then 'SELECT' else command.privilege end)
  and (command.letter <> 'd' or has_table_privilege(role.name, existing.polrelid, 'DELETE'))
  and not exists (
    select from existing bound
    where bound.polrelid = existing.polrelid
      and not bound.polpermissive
      and bound.polcmd in (command.letter, '*')
      and bound.roles && array[role.name, 'public']
      and coalesce(bound.using_expression, bound.check_expression) <> 'true')
group by existing.polname, existing.polrelid

-- Grants, exactly as the migrations leave them, for PUBLIC, anon, authenticated and service_role. Other roles are
-- the application's business, and so is what these may do with organizations and organization_members beyond
-- what is needed; membership.sql looks at the dangerous part of that.

with expected_on_function (signature, roles) as (values
    ('campfire.member_organizations(boolean)', '{anon,authenticated}'::text[]),
    ('campfire.visitor_conversation_id()', '{anon,authenticated}'),
    ('campfire.can_receive(text)', '{anon,authenticated}'),
    ('campfire.can_broadcast(text)', '{anon,authenticated}'),
    ('campfire.can_track_presence(text)', '{anon,authenticated}'),
    ('public.campfire_open_conversation(uuid, uuid, text, text, uuid, jsonb, text)', '{service_role}'),
    ('public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb)', '{anon,authenticated,service_role}'),
    ('public.campfire_edit_message(uuid, text, bigint)', '{anon,authenticated,service_role}'),
    ('public.campfire_delete_message(uuid)', '{anon,authenticated,service_role}'),
    ('public.campfire_mark(uuid, bigint, bigint)', '{anon,authenticated}'),
    ('public.campfire_update_conversation(uuid, text, text, text[])', '{authenticated,service_role}'),
    ('public.campfire_assign(uuid, uuid)', '{authenticated,service_role}'),
    ('public.campfire_request_handover(uuid, text, text)', '{anon,service_role}'),
    ('public.campfire_claim(uuid, text, text, bigint)', '{authenticated,service_role}'),
    ('public.campfire_events(uuid, bigint, integer)', '{anon,authenticated,service_role}'),
    ('public.campfire_messages(uuid, bigint, integer)', '{anon,authenticated,service_role}'),
    ('public.campfire_conversations(uuid, text, timestamptz, timestamptz, integer, uuid)', '{authenticated,service_role}'),
    ('public.campfire_find_widget_key(text)', '{service_role}')
),
-- Null columns: the whole table.
expected_on_table (table_name, role, privileges, columns) as (values
    ('public.organizations', 'service_role', '{select,insert,update,delete}'::text[], null::text[]),
    ('public.organization_members', 'service_role', '{select,insert,update,delete}', null),
    ('public.widget_keys', 'service_role', '{select,insert,update,delete}', null),
    ('public.conversations', 'service_role', '{select,insert,update,delete}', null),
    ('public.messages', 'service_role', '{select,insert,update}', null),
    ('public.message_attachments', 'service_role', '{select}', null),
    ('public.conversation_events', 'service_role', '{select}', null),
    ('public.conversation_receipts', 'service_role', '{select}', null),
    ('public.realtime_conversations', 'service_role', '{select}', null),
    ('public.organizations', 'authenticated', '{select}', null),
    ('public.organization_members', 'authenticated', '{select}', null),
    ('public.conversations', 'authenticated', '{select}', null),
    ('public.messages', 'authenticated', '{select}', null),
    ('public.message_attachments', 'authenticated', '{select}', null),
    ('public.conversation_receipts', 'authenticated', '{select}', null),
    ('public.realtime_conversations', 'authenticated', '{select}', null),
    ('public.messages', 'authenticated', '{insert}', '{id,conversation_id,content,attachments,metadata}'),
    ('public.message_attachments', 'anon', '{select}', null),
    ('public.conversation_receipts', 'anon', '{select}', null),
    ('public.realtime_conversations', 'anon', '{select}', null),
    ('public.messages', 'anon', '{select}',
        '{id,conversation_id,organization_id,sequence,content,sender_type,sender_id,sender_name,sender_email,metadata,
          attachments,edited_at,deleted_at,created_at}'),
    ('public.messages', 'anon', '{insert}', '{id,conversation_id,content,attachments,metadata}')
),
our_table as (
    select existing.oid, existing.relacl, existing.relowner,
        format('%I.%I', namespace.nspname, existing.relname) as name,
        -- A column that an adopted table has besides ours is the application's; null is without such columns.
        case existing.relname
            when 'conversations' then
                '{id,organization_id,visitor_id,customer_name,customer_email,status,priority,assigned_agent_id,handler_type,
                  handler_id,handler_epoch,handover_requested_at,handover_reason,handover_summary,last_sequence,version,
                  last_message_preview,last_message_at,last_message_sender_type,tags,customer_ip,customer,metadata,ai_metadata,
                  assignment_metadata,created_at,updated_at}'::text[]
            when 'messages' then
                '{id,conversation_id,organization_id,sequence,content,sender_type,sender_id,sender_name,sender_email,
                  handler_epoch,metadata,ai_metadata,attachments,edited_at,deleted_at,created_at}'
        end as columns
    from pg_catalog.pg_class existing
    join pg_catalog.pg_namespace namespace on namespace.oid = existing.relnamespace
    where existing.relkind = 'r'
      and (namespace.nspname = 'campfire'
        or (namespace.nspname = 'public' and existing.relname in (
            'widget_keys', 'conversations', 'messages', 'message_attachments', 'conversation_events',
            'conversation_receipts', 'realtime_conversations')))
),
role (oid, name) as (values
    (0::oid, 'public'), (to_regrole('anon')::oid, 'anon'), (to_regrole('authenticated')::oid, 'authenticated'),
    (to_regrole('service_role')::oid, 'service_role')
),
extra as (
    select format('schema %I', existing.nspname) as object, role.name as role, lower(acl.privilege_type) as privilege
    from pg_catalog.pg_namespace existing
    cross join aclexplode(existing.nspacl) as acl
    join role on role.oid = acl.grantee and role.oid <> existing.nspowner
    where existing.nspname = 'campfire'

    union all
    select format('function %s', existing.oid::regprocedure), role.name, 'execute'
    from pg_catalog.pg_proc existing
    cross join aclexplode(coalesce(existing.proacl, acldefault('f', existing.proowner))) as acl
    join role on role.oid = acl.grantee and role.oid <> existing.proowner
    left join expected_on_function expected on to_regprocedure(expected.signature) = existing.oid
    where (existing.pronamespace = to_regnamespace('campfire') or expected.signature is not null)
      and not coalesce(role.name = any (expected.roles), false)

    union all
    select format('table %s', our_table.name), role.name, lower(acl.privilege_type)
    from our_table
    cross join aclexplode(our_table.relacl) as acl
    join role on role.oid = acl.grantee and role.oid <> our_table.relowner
    where not exists (
        select from expected_on_table expected
        where expected.table_name = our_table.name and expected.role = role.name and expected.columns is null
          and lower(acl.privilege_type) = any (expected.privileges))

    union all
    select format('table %s', our_table.name), role.name, format('%s (%I)', lower(acl.privilege_type), attribute.attname)
    from our_table
    join pg_catalog.pg_attribute attribute on attribute.attrelid = our_table.oid and not attribute.attisdropped
    cross join aclexplode(attribute.attacl) as acl
    join role on role.oid = acl.grantee
    where coalesce(attribute.attname = any (our_table.columns), true)
      and not exists (
        select from expected_on_table expected
        where expected.table_name = our_table.name and expected.role = role.name
          and lower(acl.privilege_type) = any (expected.privileges)
          and coalesce(attribute.attname = any (expected.columns), expected.columns is null))
),
missing as (
    select format('function %s', expected.signature) as object, role_name as role, 'execute' as privilege
    from expected_on_function expected
    cross join unnest(expected.roles) as role_name
    where to_regprocedure(expected.signature) is not null
      and not has_function_privilege(role_name, to_regprocedure(expected.signature), 'execute')

    union all
    select format('table %s', expected.table_name), expected.role, privilege
    from expected_on_table expected
    cross join unnest(expected.privileges) as privilege
    where expected.columns is null
      and to_regclass(expected.table_name) is not null
      and not has_table_privilege(expected.role, to_regclass(expected.table_name), privilege)

    union all
    select format('table %s', expected.table_name), expected.role, format('%s (%I)', privilege, attribute.attname)
    from expected_on_table expected
    cross join unnest(expected.privileges) as privilege
    join pg_catalog.pg_attribute attribute
        on attribute.attrelid = to_regclass(expected.table_name)
        and attribute.attname = any (expected.columns)
        and not attribute.attisdropped
    where not has_column_privilege(expected.role, attribute.attrelid, attribute.attnum, privilege)
)
select
    'grant_extra' as code,
    'error' as severity,
    format('%s to %s', object, role) as object,
    format('%s may %s, which nobody of that role needs.', role, string_agg(privilege, ', ' order by privilege)) as message,
    format('revoke %s on %s from %s', string_agg(privilege, ', ' order by privilege), object, role) as fix
from extra
group by object, role

union all
select
    'grant_missing', 'error', format('%s to %s', object, role),
    format('%s may not %s, so what it needs that for is refused.', role, string_agg(privilege, ', ' order by privilege)),
    format('grant %s on %s to %s', string_agg(privilege, ', ' order by privilege), object, role)
from missing
group by object, role

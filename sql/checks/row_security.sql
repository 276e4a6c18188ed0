-- Without row level security a grant opens the whole table, and anon's key is in every browser.

select
    'row_security_off' as code,
    'error' as severity,
    format('%I.%I', namespace.nspname, existing.relname) as object,
    'Row level security is off, so policies do not count: whoever holds a grant reaches the rows of every organization.' as message,
    case when namespace.nspname = 'realtime'
        then '-- The table belongs to Supabase, and only Supabase can switch this on again: ask their support.'
        else format('alter table %I.%I enable row level security', namespace.nspname, existing.relname)
    end as fix
from pg_catalog.pg_class existing
join pg_catalog.pg_namespace namespace on namespace.oid = existing.relnamespace
where existing.relkind in ('r', 'p')
  and not existing.relrowsecurity
  and (namespace.nspname = 'campfire'
    or existing.oid = to_regclass('realtime.messages')
    or (namespace.nspname = 'public' and existing.relname in (
        'organizations', 'organization_members', 'widget_keys', 'conversations', 'messages', 'message_attachments',
        'conversation_events', 'conversation_receipts', 'realtime_conversations')))

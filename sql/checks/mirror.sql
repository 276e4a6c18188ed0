-- realtime_conversations is what every conversation payload and the inbox are built from. This compares all
-- conversations with it: one pass over each table, joined by hash; a few seconds for a million conversations.

with difference as (
    select
        case
            when mirror.id is null then 'mirror_missing'
            when conversation.id is null then 'mirror_orphan'
            else 'mirror_stale'
        end as code,
        count(*) as count
    from public.conversations conversation
    full join public.realtime_conversations mirror on mirror.id = conversation.id
    where mirror.id is null
       or conversation.id is null
       or (conversation.organization_id, conversation.visitor_id, conversation.version, conversation.last_sequence,
            conversation.status::text, conversation.priority::text, conversation.assigned_agent_id, conversation.handler_epoch,
            conversation.updated_at)
          is distinct from
          (mirror.organization_id, mirror.visitor_id, mirror.version, mirror.last_sequence,
            mirror.status, mirror.priority, mirror.assigned_agent_id, mirror.handler_epoch,
            mirror.updated_at)
    group by 1
)
select
    code,
    'error' as severity,
    'public.realtime_conversations' as object,
    format(
        case code
            when 'mirror_missing' then '%s conversations are missing in the mirror: no inbox shows them, and their events say nothing.'
            when 'mirror_orphan' then '%s rows of the mirror belong to no conversation: inboxes show what does not exist.'
            else '%s rows of the mirror differ from their conversations: inboxes and events show what was.'
        end,
        count) as message,
    case code
        when 'mirror_orphan' then
            'delete from public.realtime_conversations mirror where not exists '
                || '(select from public.conversations where id = mirror.id)'
        else
            'insert into public.realtime_conversations (id, organization_id, visitor_id, customer_name, customer_email, status, '
                || 'priority, assigned_agent_id, handler_type, handler_id, handler_epoch, handover_requested_at, version, '
                || 'last_sequence, last_message_preview, last_message_at, last_message_sender_type, created_at, updated_at) '
                || 'select id, organization_id, visitor_id, customer_name, customer_email, status, '
                || 'priority, assigned_agent_id, handler_type, handler_id, handler_epoch, handover_requested_at, version, '
                || 'last_sequence, last_message_preview, last_message_at, last_message_sender_type, created_at, updated_at '
                || 'from public.conversations on conflict (id) do update set '
                || 'organization_id = excluded.organization_id, visitor_id = excluded.visitor_id, '
                || 'customer_name = excluded.customer_name, customer_email = excluded.customer_email, status = excluded.status, '
                || 'priority = excluded.priority, assigned_agent_id = excluded.assigned_agent_id, '
                || 'handler_type = excluded.handler_type, handler_id = excluded.handler_id, '
                || 'handler_epoch = excluded.handler_epoch, handover_requested_at = excluded.handover_requested_at, '
                || 'version = excluded.version, last_sequence = excluded.last_sequence, '
                || 'last_message_preview = excluded.last_message_preview, last_message_at = excluded.last_message_at, '
                || 'last_message_sender_type = excluded.last_message_sender_type, created_at = excluded.created_at, '
                || 'updated_at = excluded.updated_at'
    end as fix
from difference

-- Every table and column that the functions and triggers use. An adopted table may have more.

with expected (name, columns) as (values
    ('public.organizations', '{id}'::text[]),
    ('public.organization_members', '{organization_id,user_id,role,display_name}'),
    ('public.widget_keys', '{id,organization_id,public_key,allowed_origins,is_enabled,created_at}'),
    ('public.conversations',
        '{id,organization_id,visitor_id,customer_name,customer_email,status,priority,assigned_agent_id,handler_type,handler_id,
          handler_epoch,handover_requested_at,handover_reason,handover_summary,last_sequence,version,last_message_preview,
          last_message_at,last_message_sender_type,tags,customer_ip,customer,metadata,ai_metadata,assignment_metadata,
          created_at,updated_at}'),
    ('public.messages',
        '{id,conversation_id,organization_id,sequence,content,sender_type,sender_id,sender_name,sender_email,handler_epoch,
          metadata,ai_metadata,attachments,edited_at,deleted_at,created_at}'),
    ('public.message_attachments',
        '{id,message_id,conversation_id,organization_id,file_name,content_type,size_bytes,storage_path,created_at}'),
    ('public.conversation_events', '{conversation_id,sequence,event,message_id,actor_type,actor_id,data,created_at}'),
    ('public.conversation_receipts',
        '{conversation_id,participant_type,participant_id,organization_id,delivered_through,read_through,updated_at}'),
    ('public.realtime_conversations',
        '{id,organization_id,visitor_id,customer_name,customer_email,status,priority,assigned_agent_id,handler_type,handler_id,
          handler_epoch,handover_requested_at,version,last_sequence,last_message_preview,last_message_at,
          last_message_sender_type,created_at,updated_at}'),
    ('campfire.settings', '{id,visitor_burst_messages,visitor_burst_window,visitor_daily_messages}'),
    ('campfire.visitor_rates', '{conversation_id,recent,day,day_messages}')
)
select
    'table_missing' as code,
    'error' as severity,
    expected.name as object,
    'The table does not exist, although the migration that makes it has been applied.' as message,
    '-- Restore the table from a backup. Without rows to save, take its definition from sql/migrations/0003_tables.sql '
        || 'and its rights from 0005_access.sql.' as fix
from expected
where to_regclass(expected.name) is null

union all
select
    'column_missing', 'error', format('%s.%s', expected.name, column_name),
    'The column does not exist, although the migration that makes it has been applied.',
    '-- Restore the column from a backup, or add it as sql/migrations/0003_tables.sql defines it.'
from expected
cross join unnest(expected.columns) as column_name
where to_regclass(expected.name) is not null
  and not exists (
    select from pg_catalog.pg_attribute
    where attrelid = to_regclass(expected.name) and attname = column_name and attnum > 0 and not attisdropped)

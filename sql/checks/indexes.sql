-- Without these a policy, a foreign key or a page of the inbox reads the whole table. An adopted table may have
-- them under other names; what counts is which columns come first.

with expected (table_name, name, columns, is_unique, definition) as (values
    ('public.organization_members', 'idx_organization_members_organization_id_user_id', '{organization_id,user_id}'::text[], true, null),
    ('public.organization_members', 'idx_organization_members_user_id', '{user_id}', false, null),
    ('public.widget_keys', 'widget_keys_public_key_key', '{public_key}', true, null),
    ('public.widget_keys', 'idx_widget_keys_organization_id', '{organization_id}', false, null),
    ('public.conversations', 'conversations_pkey', '{id}', true, null),
    ('public.conversations', 'idx_conversations_organization_id_visitor_id', '{organization_id,visitor_id,created_at}', false, null),
    ('public.messages', 'messages_pkey', '{id}', true, null),
    ('public.messages', 'messages_conversation_id_sequence_key', '{conversation_id,sequence}', true, null),
    ('public.messages', 'idx_messages_organization_id', '{organization_id}', false, null),
    ('public.message_attachments', 'message_attachments_pkey', '{id}', true, null),
    ('public.message_attachments', 'idx_message_attachments_message_id', '{message_id}', false, null),
    ('public.message_attachments', 'idx_message_attachments_conversation_id', '{conversation_id}', false, null),
    ('public.message_attachments', 'idx_message_attachments_organization_id', '{organization_id}', false, null),
    ('public.conversation_events', 'conversation_events_pkey', '{conversation_id,sequence}', true, null),
    ('public.conversation_receipts', 'conversation_receipts_pkey', '{conversation_id,participant_type,participant_id}', true, null),
    ('public.conversation_receipts', 'idx_conversation_receipts_organization_id', '{organization_id}', false, null),
    ('public.realtime_conversations', 'realtime_conversations_pkey', '{id}', true, null),
    ('public.realtime_conversations', 'idx_realtime_conversations_organization_id_status_updated_at',
        '{organization_id,status,updated_at,id}', false, 'organization_id, status, updated_at desc, id desc'),
    ('campfire.visitor_rates', 'visitor_rates_pkey', '{conversation_id}', true, null)
),
existing as (
    select
        index.indrelid, index.indisunique, index.indisprimary, index.indnkeyatts,
        array(
            select attribute.attname::text
            from unnest(index.indkey) with ordinality as key (attnum, position)
            join pg_catalog.pg_attribute attribute on attribute.attrelid = index.indrelid and attribute.attnum = key.attnum
            where key.position <= index.indnkeyatts
            order by key.position) as columns
    from pg_catalog.pg_index index
    where index.indisvalid and index.indpred is null and index.indexprs is null
)
select
    'index_missing' as code,
    case when expected.is_unique then 'error' else 'warning' end as severity,
    format('%s (%s)', expected.table_name, array_to_string(expected.columns, ', ')) as object,
    case when expected.is_unique
        then 'There is no valid unique index on these columns, so rows can be stored twice.'
        else 'There is no valid index on these columns, so the table is read as a whole where a few rows would do.'
    end as message,
    format('drop index if exists %I.%I; ', split_part(expected.table_name, '.', 1), expected.name)
        || case when expected.name like '%\_pkey'
            -- Without a primary key a published table has no replica identity, and every UPDATE of it fails.
            then format('alter table %s add primary key (%s)', expected.table_name, array_to_string(expected.columns, ', '))
            else format('create %s %I on %s (%s)',
                case when expected.is_unique then 'unique index' else 'index' end, expected.name,
                expected.table_name, coalesce(expected.definition, array_to_string(expected.columns, ', ')))
        end as fix
from expected
where to_regclass(expected.table_name) is not null
  -- A missing column has a finding of its own.
  and not exists (
    select from unnest(expected.columns) as column_name
    where not exists (
        select from pg_catalog.pg_attribute
        where attrelid = to_regclass(expected.table_name) and attname = column_name and not attisdropped))
  and not exists (
    select from existing
    where existing.indrelid = to_regclass(expected.table_name)
      -- The order of the columns does not matter for uniqueness.
      and case when expected.is_unique
        then existing.indisunique and (existing.indisprimary or expected.name not like '%\_pkey') and existing.columns <@ expected.columns and expected.columns <@ existing.columns
        else existing.columns[1:cardinality(expected.columns)] = expected.columns
      end)

-- The triggers that number, log and broadcast. Without one of them a plain INSERT or UPDATE still works, and
-- that is what makes its absence dangerous.

with expected (table_name, name, function_name, definition) as (values
    ('public.conversations', 'prepare_conversation_trigger', 'campfire.prepare_conversation()',
        'before insert or update on public.conversations for each row execute function campfire.prepare_conversation()'),
    ('public.conversations', 'sync_realtime_conversations_trigger', 'campfire.sync_realtime_conversations()',
        'after insert or update or delete on public.conversations for each row execute function campfire.sync_realtime_conversations()'),
    ('public.messages', 'prepare_message_trigger', 'campfire.prepare_message()',
        'before insert on public.messages for each row execute function campfire.prepare_message()'),
    ('public.messages', 'record_message_trigger', 'campfire.record_message()',
        'after insert on public.messages for each row execute function campfire.record_message()'),
    ('public.messages', 'prepare_message_change_trigger', 'campfire.prepare_message_change()',
        'before update on public.messages for each row when '
            || '((old.id, old.conversation_id, old.organization_id, old.sequence, old.content, old.sender_type, old.sender_id, '
            || 'old.sender_name, old.sender_email, old.metadata, old.attachments, old.deleted_at, old.created_at) is distinct from '
            || '(new.id, new.conversation_id, new.organization_id, new.sequence, new.content, new.sender_type, new.sender_id, '
            || 'new.sender_name, new.sender_email, new.metadata, new.attachments, new.deleted_at, new.created_at)) '
            || 'execute function campfire.prepare_message_change()'),
    ('public.messages', 'record_message_change_trigger', 'campfire.record_message_change()',
        'after update on public.messages for each row when '
            || '((old.content, old.sender_id, old.sender_name, old.sender_email, old.metadata, old.deleted_at) is distinct from '
            || '(new.content, new.sender_id, new.sender_name, new.sender_email, new.metadata, new.deleted_at)) '
            || 'execute function campfire.record_message_change()')
)
-- A function that is missing has a finding of its own, and no trigger can be made for it.
select
    'trigger_missing' as code,
    'error' as severity,
    format('%s on %s', expected.name, expected.table_name) as object,
    'The trigger does not exist, or not as it was made: rows are stored without its work, so their events are '
        || 'not numbered, logged or broadcast as they should be.' as message,
    format('create or replace trigger %I %s', expected.name, expected.definition) as fix
from expected
where to_regclass(expected.table_name) is not null
  and to_regprocedure(expected.function_name) is not null
  and not exists (
    select from pg_catalog.pg_trigger
    where tgrelid = to_regclass(expected.table_name) and tgname = expected.name
      and tgfoid = to_regprocedure(expected.function_name)
      -- Row, before, insert, delete and update are the bits 1, 2, 4, 8 and 16.
      and tgtype = 1
          + 2 * (expected.definition like 'before %')::int
          + 4 * (expected.definition ~ '^\w+ (insert|update or insert)')::int
          + 8 * (expected.definition ~ '^[^.]* delete ')::int
          + 16 * (expected.definition ~ '^[^.]* update ')::int
      and (tgqual is not null) = (expected.definition like '% when %'))

union all
select
    'trigger_disabled', 'error', format('%s on %s', expected.name, expected.table_name),
    'The trigger is disabled: rows are stored without its work, so their events are not numbered, logged or '
        || 'broadcast as they should be.',
    format('alter table %s enable trigger %I', expected.table_name, expected.name)
from expected
join pg_catalog.pg_trigger existing
    on existing.tgrelid = to_regclass(expected.table_name) and existing.tgname = expected.name
    and existing.tgfoid = to_regprocedure(expected.function_name)
where existing.tgenabled not in ('O', 'A')

-- The log must hold every sequence from 1 to its conversation's last_sequence. To stay cheap on a large database
-- this looks at the 1,000 conversations that changed last, and at the newest 1,000 events of each, through the
-- primary key; at most 20 conversations are reported.

with recent as (
    select id, last_sequence
    from public.conversations
    order by updated_at desc
    limit 1000
),
tail as (
    select
        recent.id, recent.last_sequence,
        coalesce((
            select event.sequence from public.conversation_events event
            where event.conversation_id = recent.id
            order by event.sequence desc
            limit 1), 0) as newest,
        (
            select count(*) from public.conversation_events event
            where event.conversation_id = recent.id
              and event.sequence > recent.last_sequence - 1000 and event.sequence <= recent.last_sequence) as count
    from recent
)
(select
    'log_ahead' as code,
    'error' as severity,
    format('public.conversations %s', id) as object,
    format('The log ends with sequence %s, but the conversation would give out %s next: storing anything in it fails.',
        newest, last_sequence + 1) as message,
    -- The trigger does not let anybody set the counter by hand.
    format('alter table public.conversations disable trigger prepare_conversation_trigger; '
        || 'update public.conversations set last_sequence = '
        || '(select max(sequence) from public.conversation_events where conversation_id = id) where id = %L; '
        || 'alter table public.conversations enable trigger prepare_conversation_trigger', id) as fix
from tail
where newest > last_sequence
order by id
limit 20)

union all
(select
    'log_hole', 'error', format('public.conversation_events %s', id),
    format('%s of the newest %s sequences are missing in the log: clients that look for them find nothing.',
        least(last_sequence, 1000) - count, least(last_sequence, 1000)),
    -- A message comes back as itself, any other event as the conversation's present state.
    format('insert into public.conversation_events (conversation_id, sequence, event, message_id, actor_type, actor_id, data) '
        || 'select mirror.id, missing.sequence, case when message.id is null then ''conversation:updated'' else ''message:created'' end, '
        || 'message.id, coalesce(message.sender_type::text, ''system''), message.sender_id::text, case when message.id is null then '
        || 'campfire.conversation_payload(mirror) || jsonb_build_object(''sequence'', missing.sequence) end '
        || 'from public.realtime_conversations mirror '
        || 'cross join generate_series(1, mirror.last_sequence) as missing (sequence) '
        || 'left join public.messages message on message.conversation_id = mirror.id and message.sequence = missing.sequence '
        || 'where mirror.id = %L on conflict (conversation_id, sequence) do nothing', id)
from tail
where count < least(last_sequence, 1000)
order by id
limit 20)

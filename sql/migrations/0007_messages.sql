-- How a message is stored: by an INSERT from whomever, through whichever way in.

-- The attachments that have the shape in which Campfire stores them.
create function campfire.known_attachments(p_attachments jsonb) returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
    return jsonb_path_query_array(
        p_attachments,
        '$[*] ? (@.id like_regex "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" && @.file_name.type() == "string" && @.content_type.type() == "string"
            && @.size_bytes >= 0 && @.size_bytes.floor() == @.size_bytes && @.storage_path.type() == "string")');
end
$$;

-- The payload of message:created; what was edited or deleted since says so.
create function campfire.message_payload(p_row public.messages) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    -- As campfire.iso_time, without a call of it.
    v_iso constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    v_payload jsonb := jsonb_build_object(
        'sequence', p_row.sequence,
        'id', p_row.id,
        'conversation_id', p_row.conversation_id,
        'organization_id', p_row.organization_id,
        'content', coalesce(p_row.content, ''),
        'sender_type', p_row.sender_type,
        'sender_id', p_row.sender_id,
        'sender_name', p_row.sender_name,
        'sender_email', p_row.sender_email,
        'attachments', coalesce(p_row.attachments, '[]'),
        'metadata', case jsonb_typeof(p_row.metadata) when 'object' then p_row.metadata else '{}' end,
        'created_at', to_char(p_row.created_at at time zone 'UTC', v_iso));
begin
    if p_row.edited_at is null and p_row.deleted_at is null and p_row.attachments = '[]' then
        return v_payload;
    end if;
    if p_row.edited_at is not null then
        v_payload := v_payload || jsonb_build_object('edited_at', to_char(p_row.edited_at at time zone 'UTC', v_iso));
    end if;
    -- An adopted message may still have what its deletion took away, or JSON in a shape of its own.
    if p_row.deleted_at is not null then
        v_payload := v_payload || jsonb_build_object(
            'content', '', 'attachments', '[]'::jsonb, 'metadata', '{}'::jsonb,
            'deleted_at', to_char(p_row.deleted_at at time zone 'UTC', v_iso));
    elsif p_row.attachments <> '[]' then
        v_payload := v_payload || jsonb_build_object('attachments', campfire.known_attachments(p_row.attachments));
    end if;
    return v_payload;
end
$$;

-- What the log tells of a message: always its present text, so that nothing survives its deletion.
create function campfire.message_event_payload(
    p_event text, p_sequence bigint, p_row public.messages) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    if p_event = 'message:deleted' then
        return jsonb_build_object(
            'sequence', p_sequence,
            'id', p_row.id,
            'conversation_id', p_row.conversation_id,
            'organization_id', p_row.organization_id,
            'deleted_at', campfire.iso_time(p_row.deleted_at));
    end if;
    return campfire.message_payload(p_row) || jsonb_build_object('sequence', p_sequence);
end
$$;

-- The attachments in the one shape that is stored and broadcast, each with an id.
create function campfire.normalize_attachments(p_attachments jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_attachment jsonb;
    v_result jsonb := '[]';
begin
    if jsonb_typeof(p_attachments) <> 'array' then
        perform campfire.invalid('Attachments must be a JSON array.', 'Send [] for a message without attachments.');
    end if;
    if jsonb_array_length(p_attachments) > 10 then
        perform campfire.invalid('A message has at most 10 attachments.', 'Send the others with a further message.');
    end if;
    for v_attachment in select value from jsonb_array_elements(p_attachments)
    loop
        if jsonb_typeof(v_attachment) <> 'object'
            or coalesce(length(v_attachment ->> 'file_name'), 0) not between 1 and 255
            or coalesce(length(v_attachment ->> 'content_type'), 0) not between 1 and 255
            or coalesce(length(v_attachment ->> 'storage_path'), 0) not between 1 and 1024
            or coalesce(v_attachment ->> 'size_bytes', '') !~ '^\d{1,15}$'
            or (v_attachment ->> 'id' is not null and campfire.to_uuid(v_attachment ->> 'id') is null)
        then
            perform campfire.invalid(
                'An attachment is an object with file_name and content_type (at most 255 characters), '
                    || 'storage_path (at most 1,024), size_bytes (a whole number) and optionally id (a UUID).',
                'Upload the file to storage first and send what describes it.');
        end if;
        v_result := v_result || jsonb_build_object(
            'id', coalesce(campfire.to_uuid(v_attachment ->> 'id'), gen_random_uuid()),
            'file_name', v_attachment ->> 'file_name',
            'content_type', v_attachment ->> 'content_type',
            'size_bytes', (v_attachment ->> 'size_bytes')::bigint,
            'storage_path', v_attachment ->> 'storage_path');
    end loop;
    return v_result;
end
$$;

-- Refuses a message that could not be stored, sent or shown.
create function campfire.check_message(p_content text, p_attachments jsonb, p_metadata jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_attachments = '[]'
        and p_content !~ '[^[:space:]\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]'
    then
        perform campfire.invalid('The message is empty.', 'Send text that is not only white space, or an attachment.');
    end if;
    if length(p_content) > 16000 then
        perform campfire.invalid(
            format('The message has %s characters; at most 16,000 are allowed.', length(p_content)),
            'Split the text, or attach it as a file.');
    end if;
    if p_metadata <> '{}' then
        perform campfire.check_object('Metadata', p_metadata);
    end if;
end
$$;

-- Counts what a visitor does with messages and refuses what goes beyond campfire.settings. The caller
-- holds the lock of the conversation's row; what is refused is rolled back and does not count.
create function campfire.count_visitor_message(p_conversation_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_day date := (v_now at time zone 'UTC')::date;
    v_rate record;
    v_wait numeric;
begin
    update campfire.visitor_rates rate set
        -- One more than may come within the window.
        recent = case when settings.visitor_burst_messages is null then '{}' else
            (rate.recent || v_now)[greatest(cardinality(rate.recent) + 1 - settings.visitor_burst_messages, 1):] end,
        day = v_day,
        day_messages = case when rate.day = v_day then rate.day_messages + 1 else 1 end
    from campfire.settings settings
    where rate.conversation_id = p_conversation_id
    returning rate.recent, rate.day_messages, settings.visitor_burst_messages, settings.visitor_burst_window,
        settings.visitor_daily_messages
    into v_rate;
    if not found then
        -- No limit is below one.
        insert into campfire.visitor_rates (conversation_id, recent, day, day_messages)
        values (p_conversation_id, array[v_now], v_day, 1);
        return;
    end if;

    if cardinality(v_rate.recent) > v_rate.visitor_burst_messages
        and v_rate.recent[1] > v_now - v_rate.visitor_burst_window
    then
        v_wait := extract(epoch from v_rate.recent[1] + v_rate.visitor_burst_window - v_now);
        perform campfire.fail(429, 'campfire_rate_limited',
            format('A visitor may send %s messages in %s seconds.',
                v_rate.visitor_burst_messages, extract(epoch from v_rate.visitor_burst_window)::float8),
            format('Wait %s seconds.', ceil(v_wait)));
    end if;
    if v_rate.day_messages > v_rate.visitor_daily_messages then
        perform campfire.fail(429, 'campfire_rate_limited',
            format('A visitor may send %s messages a day in one conversation.', v_rate.visitor_daily_messages),
            'Go on after midnight UTC, or raise visitor_daily_messages in campfire.settings.');
    end if;
end
$$;

-- What the inbox shows of a message.
create function campfire.message_preview(p_content text, p_attachments jsonb) returns text
language plpgsql immutable
set search_path = ''
as $$
begin
    return left(coalesce(
        nullif(btrim(regexp_replace(left(p_content, 280), '\s+', ' ', 'g')), ''),
        p_attachments -> 0 ->> 'file_name'), 140);
end
$$;

-- The row states content, attachments and metadata; who sent it is derived from the token and never
-- taken from the row, except from the server, which may speak for an AI, the system or another.
create function campfire.prepare_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_sender record;
    v_conversation public.conversations;
    v_is_archived boolean := false;
begin
    v_sender := campfire.require_participant(new.conversation_id, true);
    if v_sender.kind = 'server' then
        new.sender_type := coalesce(new.sender_type, 'system');
        if new.sender_type::text not in ('visitor', 'agent', 'ai', 'system') then
            perform campfire.invalid(
                format('There is no sender type %s.', new.sender_type), 'Use visitor, agent, ai or system.');
        end if;
        if greatest(length(new.sender_id::text), length(new.sender_name), length(new.sender_email)) > 320 then
            perform campfire.invalid(
                'The sender''s id, name or e-mail is longer than 320 characters.', 'Shorten it.');
        end if;
    else
        new.sender_type := v_sender.kind;
        new.sender_id := v_sender.id;
        new.sender_name := v_sender.name;
        new.sender_email := v_sender.email;
        new.handler_epoch := null;
        new.ai_metadata := null;
    end if;

    new.id := coalesce(new.id, gen_random_uuid());
    new.content := coalesce(new.content, '');
    new.attachments := coalesce(new.attachments, '[]');
    new.metadata := coalesce(new.metadata, '{}');
    new.edited_at := null;
    new.deleted_at := null;
    if new.attachments <> '[]' then
        new.attachments := campfire.normalize_attachments(new.attachments);
    end if;
    perform campfire.check_message(new.content, new.attachments, new.metadata);

    for v_attempt in 1..3
    loop
        update public.conversations set
            last_sequence = last_sequence + 1,
            last_message_preview = campfire.message_preview(new.content, new.attachments),
            last_message_at = clock_timestamp(),
            last_message_sender_type = new.sender_type
        where id = new.conversation_id
          and status::text <> 'archived'
          and (status::text <> 'closed' or new.sender_type::text <> 'visitor')
        returning * into v_conversation;
        exit when found;

        -- A visitor who writes again reopens the conversation; that event comes before the message.
        update public.conversations set status = 'open'
        where id = new.conversation_id and status::text = 'closed';
        v_is_archived := not found and not exists (
            select from public.conversations where id = new.conversation_id and status::text <> 'archived');
        exit when v_is_archived;
    end loop;

    -- Before anything refuses a message for what has come since it was stored: to repeat it is safe at any time. And
    -- INSERT … ON CONFLICT DO NOTHING would skip the row and keep the sequence that was just taken: a hole in the log.
    if exists (select from public.messages where id = new.id) then
        raise exception using
            errcode = 'unique_violation',
            message = 'campfire_conflict',
            detail = 'A message with this id is stored already.',
            hint = 'Call campfire_send_message to repeat a message safely.',
            constraint = 'messages_pkey';
    end if;
    if v_is_archived then
        perform campfire.invalid(
            'The conversation is archived and takes no further messages.', 'Open a new conversation.');
    end if;
    if v_conversation.id is null then
        perform campfire.fail(409, 'campfire_conflict',
            'A trigger or another writer keeps the conversation from taking a message.',
            'Try again; if it stays so, look for a BEFORE UPDATE trigger of conversations that returns null.');
    end if;

    if v_sender.kind = 'visitor' then
        perform campfire.count_visitor_message(new.conversation_id);
    end if;

    if new.sender_type::text = 'ai' and (
        v_conversation.handler_type = 'human'
        or new.handler_epoch is distinct from v_conversation.handler_epoch)
    then
        perform campfire.fail(409, 'campfire_stale_handler',
            format('The conversation is handled by %s in epoch %s; the message carries epoch %s.',
                v_conversation.handler_type, v_conversation.handler_epoch, coalesce(new.handler_epoch::text, 'none')),
            'Drop the answer: somebody else has taken over.');
    end if;

    if v_sender.kind = 'server' and new.sender_type::text = 'visitor' then
        if new.sender_id is null then
            new.sender_id := v_conversation.visitor_id;
        end if;
        new.sender_name := coalesce(new.sender_name, v_conversation.customer_name);
        new.sender_email := coalesce(new.sender_email, v_conversation.customer_email);
    elsif v_sender.kind = 'server' and new.sender_type::text = 'agent' and new.sender_name is null then
        select member.display_name into new.sender_name
        from public.organization_members member
        where member.organization_id = v_conversation.organization_id
          and member.user_id = campfire.to_uuid(new.sender_id::text);
    end if;

    new.organization_id := v_conversation.organization_id;
    new.sequence := v_conversation.last_sequence;
    new.created_at := v_conversation.last_message_at;
    return new;
end
$$;

-- Appends to the log and tells two channels; the third, about the conversation, has been told with its change.
-- realtime.send never fails; whoever misses a broadcast reads the log.
create function campfire.record_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payload jsonb := campfire.message_payload(new);
    v_topic text := 'bcast:org:' || new.organization_id;
begin
    -- Realtime drops what is too large without telling anybody. Escaped, a text has up to six times its length, and the
    -- metadata have at most 8 kB: what is small needs no writing out.
    if pg_column_size(v_payload) > 8000 and octet_length(v_payload::text) > 60000 then
        perform campfire.invalid(
            'The message with its attachments and metadata is larger than 60 kB.',
            'Split the text, or attach it as a file.');
    end if;

    insert into public.conversation_events (
        conversation_id, sequence, event, message_id, actor_type, actor_id, created_at)
    values (
        new.conversation_id, new.sequence, 'message:created', new.id, new.sender_type, new.sender_id, new.created_at);

    if new.attachments <> '[]' then
        insert into public.message_attachments (
            id, message_id, conversation_id, organization_id, file_name, content_type, size_bytes, storage_path)
        select
            attachment.id, new.id, new.conversation_id, new.organization_id,
            attachment.file_name, attachment.content_type, attachment.size_bytes, attachment.storage_path
        from jsonb_to_recordset(new.attachments) as attachment (
            id uuid, file_name text, content_type text, size_bytes bigint, storage_path text);
    end if;

    perform realtime.send(v_payload, 'message:created', v_topic || ':conv:' || new.conversation_id, true);
    perform realtime.send(v_payload, 'message:created', v_topic || ':conversations', true);
    return null;
end
$$;

revoke all on all functions in schema campfire from public;

create trigger prepare_message_trigger
    before insert on public.messages
    for each row execute function campfire.prepare_message();

create trigger record_message_trigger
    after insert on public.messages
    for each row execute function campfire.record_message();

-- Messages that were there before Campfire take their places in the log, by their time.
do $$
declare
    v_paused jsonb;
    v_paused_mirror jsonb;
begin
    lock table public.conversations, public.messages in share row exclusive mode;
    v_paused := campfire.pause_triggers('public.messages');
    update public.messages message set
        organization_id = place.organization_id,
        sequence = place.sequence
    from (
        select
            candidate.id, conversation.organization_id,
            conversation.last_sequence + row_number() over (
                partition by candidate.conversation_id order by candidate.created_at, candidate.id) as sequence
        from public.messages candidate
        join public.conversations conversation on conversation.id = candidate.conversation_id) place
    where message.id = place.id;
    perform campfire.resume_triggers('public.messages', v_paused);

    insert into public.conversation_events (
        conversation_id, sequence, event, message_id, actor_type, actor_id, created_at)
    select
        message.conversation_id, message.sequence, 'message:created', message.id,
        message.sender_type::text, message.sender_id::text, message.created_at
    from public.messages message;

    v_paused := campfire.pause_triggers('public.conversations');
    v_paused_mirror := campfire.pause_triggers('public.realtime_conversations');
    alter table public.conversations enable trigger sync_realtime_conversations_trigger;
    update public.conversations conversation set
        last_sequence = newest.sequence,
        last_message_preview = case when newest.deleted_at is null then campfire.message_preview(newest.content, newest.attachments) end,
        last_message_at = newest.created_at,
        last_message_sender_type = newest.sender_type
    from (
        select distinct on (message.conversation_id) message.*
        from public.messages message
        order by message.conversation_id, message.sequence desc) newest
    where conversation.id = newest.conversation_id;
    perform campfire.resume_triggers('public.conversations', v_paused);
    perform campfire.resume_triggers('public.realtime_conversations', v_paused_mirror);
end
$$;

alter table public.messages
    alter column organization_id set not null,
    alter column sequence set not null,
    add constraint messages_conversation_id_sequence_key unique (conversation_id, sequence);

drop function campfire.pause_triggers(regclass);
drop function campfire.resume_triggers(regclass, jsonb);

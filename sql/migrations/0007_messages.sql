-- How a message is stored: by an INSERT from whomever, through whichever way in.

create function campfire.message_payload(p_row public.messages) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'sequence', p_row.sequence,
        'id', p_row.id,
        'conversation_id', p_row.conversation_id,
        'organization_id', p_row.organization_id,
        'content', p_row.content,
        'sender_type', p_row.sender_type,
        'sender_id', p_row.sender_id,
        'sender_name', p_row.sender_name,
        'sender_email', p_row.sender_email,
        'attachments', p_row.attachments,
        'metadata', p_row.metadata,
        'created_at', campfire.iso_time(p_row.created_at));
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

-- The row states content, attachments and metadata; who sent it is derived from the token and never
-- taken from the row, except from the server, which may speak for an AI, the system or another.
create function campfire.prepare_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_sender record;
    v_conversation public.conversations;
begin
    select * into v_sender from campfire.require_participant(new.conversation_id, true);
    if v_sender.kind = 'server' then
        new.sender_type := coalesce(new.sender_type, 'system');
        if new.sender_type not in ('visitor', 'agent', 'ai', 'system') then
            perform campfire.invalid(
                format('There is no sender type %s.', new.sender_type), 'Use visitor, agent, ai or system.');
        end if;
        if greatest(length(new.sender_id), length(new.sender_name), length(new.sender_email)) > 320 then
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
    elsif new.content !~ '[^[:space:]\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]' then
        perform campfire.invalid('The message is empty.', 'Send text that is not only white space, or an attachment.');
    end if;
    if length(new.content) > 16000 then
        perform campfire.invalid(
            format('The message has %s characters; at most 16,000 are allowed.', length(new.content)),
            'Split the text, or attach it as a file.');
    end if;
    if jsonb_typeof(new.metadata) <> 'object' or octet_length(new.metadata::text) > 8192 then
        perform campfire.invalid(
            'Metadata must be a JSON object of at most 8 kB.', 'Keep larger data elsewhere and refer to it.');
    end if;

    loop
        update public.conversations set
            last_sequence = last_sequence + 1,
            last_message_preview = left(coalesce(
                nullif(btrim(regexp_replace(left(new.content, 280), '\s+', ' ', 'g')), ''),
                new.attachments -> 0 ->> 'file_name'), 140),
            last_message_at = clock_timestamp(),
            last_message_sender_type = new.sender_type
        where id = new.conversation_id
          and status <> 'archived'
          and (status <> 'closed' or new.sender_type <> 'visitor')
        returning * into v_conversation;
        exit when found;

        -- A visitor who writes again reopens the conversation; that event comes before the message.
        update public.conversations set status = 'open'
        where id = new.conversation_id and status = 'closed';
        if not found and not exists (
            select from public.conversations where id = new.conversation_id and status <> 'archived')
        then
            perform campfire.invalid(
                'The conversation is archived and takes no further messages.', 'Open a new conversation.');
        end if;
    end loop;

    -- INSERT … ON CONFLICT DO NOTHING would skip the row and keep the sequence that was just taken: a hole in the log.
    if exists (select from public.messages where id = new.id) then
        raise exception using
            errcode = 'unique_violation',
            message = 'campfire_conflict',
            detail = 'A message with this id is stored already.',
            hint = 'Call campfire_send_message to repeat a message safely.',
            constraint = 'messages_pkey';
    end if;

    if new.sender_type = 'ai' and (
        v_conversation.handler_type = 'human'
        or new.handler_epoch is distinct from v_conversation.handler_epoch)
    then
        perform campfire.fail(409, 'campfire_stale_handler',
            format('The conversation is handled by %s in epoch %s; the message carries epoch %s.',
                v_conversation.handler_type, v_conversation.handler_epoch, coalesce(new.handler_epoch::text, 'none')),
            'Drop the answer: somebody else has taken over.');
    end if;

    if v_sender.kind = 'server' and new.sender_type = 'visitor' then
        new.sender_id := coalesce(new.sender_id, v_conversation.visitor_id::text);
        new.sender_name := coalesce(new.sender_name, v_conversation.customer_name);
        new.sender_email := coalesce(new.sender_email, v_conversation.customer_email);
    elsif v_sender.kind = 'server' and new.sender_type = 'agent' and new.sender_name is null then
        select member.display_name into new.sender_name
        from public.organization_members member
        where member.organization_id = v_conversation.organization_id
          and member.user_id = campfire.to_uuid(new.sender_id);
    end if;

    new.organization_id := v_conversation.organization_id;
    new.sequence := v_conversation.last_sequence;
    new.created_at := v_conversation.last_message_at;
    return new;
end
$$;

-- Appends to the log and tells the three channels. realtime.send never fails; whoever misses a
-- broadcast reads the log.
create function campfire.record_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payload jsonb := campfire.message_payload(new);
    v_conversation jsonb;
    v_topic text := 'bcast:org:' || new.organization_id;
begin
    -- Realtime drops what is too large without telling anybody.
    if octet_length(v_payload::text) > 60000 then
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

    select campfire.conversation_payload(mirror) into v_conversation
    from public.realtime_conversations mirror where mirror.id = new.conversation_id;

    perform realtime.send(v_payload, 'message:created', v_topic || ':conv:' || new.conversation_id, true);
    perform realtime.send(v_conversation, 'conversation:updated', v_topic, true);
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

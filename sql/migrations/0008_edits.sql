-- How a message is edited or deleted: by an UPDATE that takes the next sequence and goes to the log like the message did.

-- A message keeps its place and its sender. Whoever deletes it takes away what it said.
create function campfire.prepare_message_change() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_status text;
begin
    if (new.id, new.conversation_id, new.organization_id, new.sequence, new.sender_type, new.created_at)
        is distinct from
        (old.id, old.conversation_id, old.organization_id, old.sequence, old.sender_type, old.created_at)
    then
        perform campfire.invalid(
            'A message keeps its id, its conversation, its sequence, its time and the kind of its sender.',
            'Change its content, or send another message.');
    end if;
    if old.deleted_at is not null then
        perform campfire.fail(409, 'campfire_conflict', 'The message has been deleted.', 'Send another message.');
    end if;

    if new.deleted_at is not null then
        new.content := '';
        new.attachments := '[]';
        new.metadata := '{}';
        new.ai_metadata := null;
        new.deleted_at := clock_timestamp();
        return new;
    end if;

    select conversation.status::text into v_status
    from public.conversations conversation where conversation.id = new.conversation_id;
    if v_status = 'archived' then
        perform campfire.invalid(
            'The conversation is archived; its messages can be deleted, not changed.', 'Reopen the conversation first.');
    end if;
    if new.attachments is distinct from old.attachments then
        perform campfire.invalid('The attachments of a message cannot be changed.', 'Send another message.');
    end if;
    perform campfire.check_message(coalesce(new.content, ''), coalesce(new.attachments, '[]'), coalesce(new.metadata, '{}'));
    new.edited_at := clock_timestamp();
    return new;
end
$$;

create function campfire.record_message_change() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_event text := case when new.deleted_at is null then 'message:updated' else 'message:deleted' end;
    v_caller record;
    v_sequence bigint;
    v_payload jsonb;
begin
    v_caller := campfire.caller();
    update public.conversations set
        last_sequence = last_sequence + 1,
        last_message_preview = case last_message_at
            when new.created_at then campfire.message_preview(new.content, new.attachments)
            else last_message_preview
        end
    where id = new.conversation_id
    returning last_sequence into v_sequence;
    if v_caller.kind = 'visitor' then
        perform campfire.count_visitor_message(new.conversation_id);
    end if;

    v_payload := campfire.message_event_payload(v_event, v_sequence, new);
    if octet_length(v_payload::text) > 60000 then
        perform campfire.invalid(
            'The message with its attachments and metadata is larger than 60 kB.', 'Shorten it.');
    end if;
    if new.deleted_at is not null then
        delete from public.message_attachments where message_id = new.id;
    end if;
    insert into public.conversation_events (
        conversation_id, sequence, event, message_id, actor_type, actor_id, created_at)
    values (
        new.conversation_id, v_sequence, v_event, new.id,
        case v_caller.kind when 'visitor' then 'visitor' when 'user' then 'agent' else 'system' end,
        v_caller.id, coalesce(new.deleted_at, new.edited_at));

    perform realtime.send(
        v_payload, v_event, 'bcast:org:' || new.organization_id || ':conv:' || new.conversation_id, true);
    return null;
end
$$;

revoke all on all functions in schema campfire from public;

create trigger prepare_message_change_trigger
    before update on public.messages
    for each row
    when ((old.id, old.conversation_id, old.organization_id, old.sequence, old.content, old.sender_type,
            old.sender_id, old.sender_name, old.sender_email, old.metadata, old.attachments, old.deleted_at, old.created_at)
        is distinct from
        (new.id, new.conversation_id, new.organization_id, new.sequence, new.content, new.sender_type,
            new.sender_id, new.sender_name, new.sender_email, new.metadata, new.attachments, new.deleted_at, new.created_at))
    execute function campfire.prepare_message_change();

create trigger record_message_change_trigger
    after update on public.messages
    for each row
    when ((old.content, old.sender_id, old.sender_name, old.sender_email, old.metadata, old.deleted_at)
        is distinct from
        (new.content, new.sender_id, new.sender_name, new.sender_email, new.metadata, new.deleted_at))
    execute function campfire.record_message_change();

-- What clients and servers call to change something, through PostgREST: POST /rest/v1/rpc/{function},
-- JSON in, JSON out. The functions run as owner and check the caller themselves, because a stranger must
-- see "not found" rather than an empty result.

create function public.campfire_open_conversation(
    p_organization_id uuid,
    p_visitor_id uuid,
    p_customer_name text default null,
    p_customer_email text default null,
    p_conversation_id uuid default null,
    p_customer jsonb default '{}',
    p_customer_ip text default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_id uuid;
    v_is_new boolean := false;
    v_customer jsonb := coalesce(p_customer, '{}');
    v_customer_ip inet;
begin
    if p_organization_id is null or p_visitor_id is null then
        perform campfire.invalid('p_organization_id and p_visitor_id are required.', 'State both as UUIDs.');
    end if;
    perform campfire.check_object('p_customer', v_customer);
    begin
        -- PostgreSQL does not know the zone of a link-local address (fe80::1%eth0).
        v_customer_ip := nullif(split_part(p_customer_ip, '%', 1), '')::inet;
    exception when data_exception then
        perform campfire.invalid('p_customer_ip is not an IP address.', 'Pass the address without its port, or null.');
    end;
    if not exists (select from public.organizations where id = p_organization_id) then
        perform campfire.fail(404, 'campfire_not_found',
            'There is no such organization.', 'Check the organization id.');
    end if;

    if p_conversation_id is not null then
        select conversation.id into v_id
        from public.conversations conversation
        where conversation.id = p_conversation_id
          and conversation.organization_id = p_organization_id
          and conversation.visitor_id = p_visitor_id;
        if not found then
            perform campfire.fail(404, 'campfire_not_found',
                'The visitor has no such conversation in this organization.',
                'Leave p_conversation_id out to resume the newest conversation or open a new one.');
        end if;
    else
        -- Two tabs that open at once must end up in one conversation.
        perform pg_advisory_xact_lock(hashtextextended(p_organization_id::text || p_visitor_id, 0));
        select conversation.id into v_id
        from public.conversations conversation
        where conversation.organization_id = p_organization_id
          and conversation.visitor_id = p_visitor_id
          and conversation.status::text in ('open', 'pending', 'assigned')
        order by conversation.created_at desc, conversation.id desc
        limit 1;
        v_is_new := not found;
    end if;

    if v_is_new then
        insert into public.conversations (
            organization_id, visitor_id, customer_name, customer_email, customer, customer_ip)
        values (
            p_organization_id, p_visitor_id, p_customer_name, p_customer_email, v_customer, v_customer_ip)
        returning id into v_id;
    else
        update public.conversations set
            customer_name = coalesce(p_customer_name, customer_name),
            customer_email = coalesce(p_customer_email, customer_email)
        where id = v_id
          and (coalesce(p_customer_name, customer_name), coalesce(p_customer_email, customer_email))
              is distinct from (customer_name, customer_email);
    end if;

    return (
        select jsonb_build_object('conversation', campfire.conversation_payload(mirror), 'is_new', v_is_new)
        from public.realtime_conversations mirror
        where mirror.id = v_id);
end
$$;

create function public.campfire_send_message(
    p_conversation_id uuid,
    p_id uuid,
    p_content text,
    p_attachments jsonb default '[]',
    p_metadata jsonb default '{}',
    p_handler_epoch bigint default null,
    p_sender jsonb default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_caller record;
    v_sender_type text;
    v_sender_id text;
    -- Takes the sender in the types that the columns have, which may be an adopted table's own.
    v_new public.messages;
    v_message public.messages;
begin
    if p_conversation_id is null or p_id is null then
        perform campfire.invalid(
            'p_conversation_id and p_id are required.', 'Choose a UUID v7 as p_id; it makes retrying safe.');
    end if;
    if p_sender is not null then
        v_caller := campfire.caller();
        if v_caller.kind is distinct from 'server' then
            perform campfire.invalid(
                'p_sender may be stated by the server only.', 'Leave p_sender out; the token says who sends.');
        end if;
        if jsonb_typeof(p_sender) <> 'object' then
            perform campfire.invalid(
                'p_sender must be a JSON object.', 'Send {"type": …, "id": …, "name": …, "email": …}.');
        end if;
        begin
            v_new.sender_type := p_sender ->> 'type';
            v_new.sender_id := p_sender ->> 'id';
        exception when invalid_text_representation then
            perform campfire.invalid(
                'p_sender does not fit the types of messages.sender_type and sender_id in this database: ' || sqlerrm,
                'Use visitor, agent, ai or system as type, and an id of the column''s type.');
        end;
    end if;

    begin
        insert into public.messages (
            id, conversation_id, content, attachments, metadata, handler_epoch,
            sender_type, sender_id, sender_name, sender_email)
        values (
            p_id, p_conversation_id, p_content, p_attachments, p_metadata, p_handler_epoch,
            v_new.sender_type, v_new.sender_id, p_sender ->> 'name', p_sender ->> 'email')
        returning * into v_message;
        return campfire.message_payload(v_message);
    exception when unique_violation then
        -- Sent before, or at the same time; undoing the insert has given its sequence back.
        select * into v_message from public.messages where id = p_id;
        if not found then
            perform campfire.fail(409, 'campfire_conflict',
                'An attachment''s id is already used.', 'Leave the id of an attachment out, or choose another.');
        end if;
    end;

    select participant.kind, participant.id into v_sender_type, v_sender_id
    from campfire.require_participant(p_conversation_id, true) participant;
    if v_sender_type = 'server' then
        v_sender_type := coalesce(p_sender ->> 'type', 'system');
        v_sender_id := coalesce(p_sender ->> 'id', case v_sender_type when 'visitor' then v_message.sender_id::text end);
    end if;
    if (v_message.conversation_id, v_message.sender_type::text, v_message.sender_id::text)
            is distinct from (p_conversation_id, v_sender_type, v_sender_id)
        or (v_message.edited_at is null and v_message.deleted_at is null
            and v_message.content is distinct from coalesce(p_content, ''))
    then
        perform campfire.fail(409, 'campfire_conflict',
            'Another message already has this id.',
            'Use a new id for each message, and the same id only to repeat the same message.');
    end if;
    return campfire.message_payload(v_message);
end
$$;

-- The message, if the caller takes part in its conversation. It is locked after the conversation, as
-- everywhere, so that no two writers wait for each other.
create function campfire.lock_message(p_id uuid) returns public.messages
language plpgsql security definer
set search_path = ''
as $$
declare
    v_conversation_id uuid;
    v_message public.messages;
begin
    select message.conversation_id into v_conversation_id from public.messages message where message.id = p_id;
    if not found then
        perform campfire.fail(404, 'campfire_not_found',
            'There is no such message, or the token gives no access to it.',
            'Check the message id and that the token belongs to a participant of its conversation.');
    end if;
    perform campfire.require_participant(v_conversation_id, true);
    perform from public.conversations where id = v_conversation_id for no key update;
    select * into v_message from public.messages where id = p_id for no key update;
    return v_message;
end
$$;

create function public.campfire_edit_message(
    p_id uuid,
    p_content text,
    p_handler_epoch bigint default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_message public.messages := campfire.lock_message(p_id);
    v_editor record;
    v_handler record;
begin
    select * into v_editor from campfire.require_participant(v_message.conversation_id, true);
    -- Nobody puts words into a visitor's mouth, and a visitor none into anybody's.
    if (v_editor.kind = 'visitor' and v_message.sender_type::text <> 'visitor')
        or (v_editor.kind = 'agent' and v_message.sender_type::text = 'visitor')
    then
        perform campfire.fail(403, 'campfire_not_participant',
            'A visitor''s messages are edited by the visitor only, all others by members.',
            'Send a message of your own, or delete this one as a member.');
    end if;
    if v_message.deleted_at is not null then
        perform campfire.fail(409, 'campfire_conflict', 'The message has been deleted.', 'Send another message.');
    end if;

    if v_editor.kind = 'server' and v_message.sender_type::text = 'ai' then
        select conversation.handler_type, conversation.handler_epoch into v_handler
        from public.conversations conversation where conversation.id = v_message.conversation_id;
        if v_handler.handler_type = 'human' or p_handler_epoch is distinct from v_handler.handler_epoch then
            perform campfire.fail(409, 'campfire_stale_handler',
                format('The conversation is handled by %s in epoch %s; the change carries epoch %s.',
                    v_handler.handler_type, v_handler.handler_epoch, coalesce(p_handler_epoch::text, 'none')),
                'Drop the change: somebody else has taken over.');
        end if;
    end if;

    if coalesce(p_content, '') is distinct from v_message.content then
        update public.messages set content = coalesce(p_content, '') where id = p_id returning * into v_message;
    end if;
    return campfire.message_payload(v_message);
end
$$;

-- Leaves a tombstone: the message keeps its place, its content is gone.
create function public.campfire_delete_message(p_id uuid) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_message public.messages := campfire.lock_message(p_id);
    v_deleter record;
begin
    select * into v_deleter from campfire.require_participant(v_message.conversation_id, true);
    if v_deleter.kind = 'visitor' and v_message.sender_type::text <> 'visitor' then
        perform campfire.fail(403, 'campfire_not_participant',
            'A visitor deletes nothing but messages of his own.', 'Ask an agent to delete the message.');
    end if;
    if v_message.deleted_at is null then
        update public.messages set deleted_at = clock_timestamp() where id = p_id returning * into v_message;
    end if;
    return campfire.message_payload(v_message);
end
$$;

create function public.campfire_mark(
    p_conversation_id uuid,
    p_delivered_through bigint default null,
    p_read_through bigint default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_participant record;
    v_last_sequence bigint;
    v_read bigint;
    v_delivered bigint;
    v_row public.conversation_receipts;
    v_has_risen boolean := true;
    v_payload jsonb;
begin
    select * into v_participant from campfire.require_participant(p_conversation_id, true);
    if v_participant.kind = 'server' then
        perform campfire.invalid(
            'The server has no watermark of its own.', 'Call with the token of the participant who has read.');
    end if;

    select conversation.last_sequence into v_last_sequence
    from public.conversations conversation where conversation.id = p_conversation_id;
    v_read := greatest(least(coalesce(p_read_through, 0), v_last_sequence), 0);
    -- What was read has arrived.
    v_delivered := greatest(least(coalesce(p_delivered_through, 0), v_last_sequence), v_read);

    insert into public.conversation_receipts as receipt (
        conversation_id, participant_type, participant_id, organization_id, delivered_through, read_through, updated_at)
    values (
        p_conversation_id, v_participant.kind, v_participant.id, v_participant.organization_id,
        v_delivered, v_read, clock_timestamp())
    on conflict (conversation_id, participant_type, participant_id) do update set
        delivered_through = greatest(receipt.delivered_through, excluded.delivered_through),
        read_through = greatest(receipt.read_through, excluded.read_through),
        updated_at = excluded.updated_at
    where excluded.delivered_through > receipt.delivered_through or excluded.read_through > receipt.read_through
    returning * into v_row;
    if not found then
        v_has_risen := false;
        select * into v_row from public.conversation_receipts receipt
        where receipt.conversation_id = p_conversation_id
          and receipt.participant_type = v_participant.kind
          and receipt.participant_id = v_participant.id;
    end if;

    v_payload := jsonb_build_object(
        'conversation_id', v_row.conversation_id,
        'participant_type', v_row.participant_type,
        'participant_id', v_row.participant_id,
        'delivered_through', v_row.delivered_through,
        'read_through', v_row.read_through,
        'updated_at', campfire.iso_time(v_row.updated_at));
    if v_has_risen and v_row.delivered_through > 0 then
        perform realtime.send(
            v_payload, 'read:receipt',
            'bcast:org:' || v_row.organization_id || ':conv:' || v_row.conversation_id, true);
    end if;
    return v_payload;
end
$$;

revoke all on function campfire.lock_message(uuid) from public;
revoke all on function
    public.campfire_open_conversation(uuid, uuid, text, text, uuid, jsonb, text),
    public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb),
    public.campfire_edit_message(uuid, text, bigint),
    public.campfire_delete_message(uuid),
    public.campfire_mark(uuid, bigint, bigint)
    from public, anon, authenticated, service_role;

grant execute on function
    public.campfire_open_conversation(uuid, uuid, text, text, uuid, jsonb, text)
    to service_role;
grant execute on function
    public.campfire_send_message(uuid, uuid, text, jsonb, jsonb, bigint, jsonb),
    public.campfire_edit_message(uuid, text, bigint),
    public.campfire_delete_message(uuid)
    to anon, authenticated, service_role;
grant execute on function
    public.campfire_mark(uuid, bigint, bigint)
    to anon, authenticated;

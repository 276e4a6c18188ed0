-- What agents, and the server for an AI, do with a conversation. Each change becomes an event through the triggers
-- of conversations.

-- The present state of a conversation, as it is told everywhere.
create function campfire.read_conversation(p_conversation_id uuid) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
begin
    return (
        select campfire.conversation_payload(mirror)
        from public.realtime_conversations mirror where mirror.id = p_conversation_id);
end
$$;

create function campfire.refuse_archived(p_status text) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_status = 'archived' then
        perform campfire.invalid('The conversation is archived.', 'Reopen it with campfire_update_conversation first.');
    end if;
end
$$;

-- What is null stays as it is.
create function public.campfire_update_conversation(
    p_conversation_id uuid,
    p_status text default null,
    p_priority text default null,
    p_tags text[] default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_new public.conversations;
    v_tag text;
begin
    perform campfire.require_participant(p_conversation_id, true);
    if p_status <> all (array['open', 'pending', 'assigned', 'closed', 'archived']) then
        perform campfire.invalid(
            format('There is no status %s.', p_status), 'Use open, pending, assigned, closed or archived.');
    end if;
    if p_priority <> all (array['low', 'medium', 'high', 'urgent']) then
        perform campfire.invalid(format('There is no priority %s.', p_priority), 'Use low, medium, high or urgent.');
    end if;
    if cardinality(p_tags) > 20 or array_ndims(p_tags) > 1 or array_position(p_tags, null) is not null then
        perform campfire.invalid('p_tags must be a list of at most 20 texts.', 'Send [] to remove all tags.');
    end if;
    foreach v_tag in array coalesce(p_tags, '{}')
    loop
        if length(v_tag) not between 1 and 50 then
            perform campfire.invalid('A tag has 1 to 50 characters.', 'Shorten it, or leave it out.');
        end if;
    end loop;

    select * into v_new from public.conversations where id = p_conversation_id for no key update;
    v_new.status := coalesce(p_status, v_new.status::text);
    v_new.priority := coalesce(p_priority, v_new.priority::text);
    v_new.tags := coalesce(p_tags, v_new.tags::text[]);
    update public.conversations conversation set
        status = v_new.status,
        priority = v_new.priority,
        tags = v_new.tags
    where conversation.id = p_conversation_id
      and (conversation.status, conversation.priority, conversation.tags)
          is distinct from (v_new.status, v_new.priority, v_new.tags);
    return campfire.read_conversation(p_conversation_id);
end
$$;

-- Makes an agent responsible, or with null nobody. Who answers is campfire_claim's business.
create function public.campfire_assign(
    p_conversation_id uuid,
    p_agent_id uuid default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_conversation public.conversations;
begin
    perform campfire.require_participant(p_conversation_id, true);
    select * into v_conversation from public.conversations where id = p_conversation_id for no key update;
    if p_agent_id is not null and not exists (
        select from public.organization_members member
        where member.organization_id = v_conversation.organization_id
          and member.user_id = p_agent_id
          and member.role::text in ('owner', 'admin', 'agent'))
    then
        perform campfire.invalid(
            'The agent is not a member of the organization, or one who only reads.',
            'Add the agent to organization_members with the role agent.');
    end if;
    perform campfire.refuse_archived(v_conversation.status::text);

    if v_conversation.assigned_agent_id is distinct from p_agent_id then
        if p_agent_id is not null and v_conversation.status::text in ('open', 'pending') then
            v_conversation.status := 'assigned';
        elsif p_agent_id is null and v_conversation.status::text = 'assigned' then
            v_conversation.status := 'open';
        end if;
        update public.conversations set assigned_agent_id = p_agent_id, status = v_conversation.status
        where id = p_conversation_id;
    end if;
    return campfire.read_conversation(p_conversation_id);
end
$$;

-- The AI, or the visitor, asks for a human. The AI stays the handler until somebody claims the conversation,
-- so that it may say goodbye. Asking again before that changes nothing.
create function public.campfire_request_handover(
    p_conversation_id uuid,
    p_reason text default null,
    p_summary text default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_participant record;
    v_conversation public.conversations;
begin
    select * into v_participant from campfire.require_participant(p_conversation_id, true);
    select * into v_conversation from public.conversations where id = p_conversation_id for no key update;
    perform campfire.refuse_archived(v_conversation.status::text);

    if v_conversation.handler_type <> 'human' and v_conversation.handover_requested_at is null then
        if v_participant.kind = 'visitor' then
            perform campfire.count_visitor_message(p_conversation_id);
        end if;
        if v_conversation.status::text in ('open', 'closed') then
            v_conversation.status := 'pending';
        end if;
        update public.conversations set
            handover_requested_at = clock_timestamp(),
            handover_reason = p_reason,
            handover_summary = p_summary,
            status = v_conversation.status
        where id = p_conversation_id;
    end if;
    return campfire.read_conversation(p_conversation_id);
end
$$;

-- Takes the conversation, or gives it back to the AI. Every claim spends the epoch of the handler before,
-- also of one with the same name: of two workers that claim at once with the epoch they know, one wins.
create function public.campfire_claim(
    p_conversation_id uuid,
    p_handler_type text default 'human',
    p_handler_id text default null,
    p_expected_epoch bigint default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_claimer record;
    v_conversation public.conversations;
    v_handler_id text := p_handler_id;
    v_agent_id uuid;
begin
    select * into v_claimer from campfire.require_participant(p_conversation_id, true);
    if p_handler_type is null or p_handler_type <> all (array['ai', 'human', 'none']) then
        perform campfire.invalid(
            format('There is no handler type %s.', coalesce(p_handler_type, 'null')), 'Use ai, human or none.');
    end if;
    if p_handler_type = 'none' and p_handler_id is not null then
        perform campfire.invalid('The handler type none has no id.', 'Leave p_handler_id out.');
    end if;
    if p_handler_type = 'human' then
        if v_claimer.kind = 'agent' and coalesce(p_handler_id, v_claimer.id) <> v_claimer.id then
            perform campfire.invalid(
                'An agent claims a conversation for himself only.', 'Leave p_handler_id out, or use campfire_assign.');
        end if;
        v_handler_id := coalesce(p_handler_id, v_claimer.id);
        select member.user_id into v_agent_id
        from public.organization_members member
        where member.organization_id = v_claimer.organization_id
          and member.user_id = campfire.to_uuid(v_handler_id)
          and member.role::text in ('owner', 'admin', 'agent');
        if not found then
            perform campfire.invalid(
                'A human handler is a member of the organization, and not one who only reads.',
                'Pass the user_id of a member with the role owner, admin or agent as p_handler_id.');
        end if;
    end if;

    select * into v_conversation from public.conversations where id = p_conversation_id for no key update;
    perform campfire.refuse_archived(v_conversation.status::text);
    if p_expected_epoch <> v_conversation.handler_epoch then
        perform campfire.fail(409, 'campfire_conflict',
            format('The conversation is in epoch %s, not %s: handled by %s.',
                v_conversation.handler_epoch, p_expected_epoch, v_conversation.handler_type),
            'Read the conversation again and decide anew.');
    end if;
    if p_handler_type = 'ai' and v_claimer.kind = 'server'
        and (v_conversation.handler_type = 'human' or v_conversation.handover_requested_at is not null)
    then
        perform campfire.fail(409, 'campfire_conflict',
            'A human handles the conversation or was asked for; an AI does not take it by itself.',
            'Let a member give it back with campfire_claim, or release it first with p_handler_type none.');
    end if;

    if v_agent_id is not null then
        v_conversation.assigned_agent_id := v_agent_id;
        if v_conversation.status::text in ('open', 'pending') then
            v_conversation.status := 'assigned';
        end if;
    elsif v_conversation.handover_requested_at is not null and v_conversation.status::text = 'pending' then
        v_conversation.status := 'open';
    end if;
    update public.conversations set
        handler_type = p_handler_type,
        handler_id = v_handler_id,
        handler_epoch = v_conversation.handler_epoch + 1,
        handover_requested_at = null,
        assigned_agent_id = v_conversation.assigned_agent_id,
        status = v_conversation.status
    where id = p_conversation_id;
    return campfire.read_conversation(p_conversation_id);
end
$$;

revoke all on function campfire.read_conversation(uuid), campfire.refuse_archived(text) from public;
revoke all on function
    public.campfire_update_conversation(uuid, text, text, text[]),
    public.campfire_assign(uuid, uuid),
    public.campfire_request_handover(uuid, text, text),
    public.campfire_claim(uuid, text, text, bigint)
    from public, anon, authenticated, service_role;

grant execute on function
    public.campfire_update_conversation(uuid, text, text, text[]),
    public.campfire_assign(uuid, uuid),
    public.campfire_claim(uuid, text, text, bigint)
    to authenticated, service_role;
grant execute on function
    public.campfire_request_handover(uuid, text, text)
    to anon, service_role;

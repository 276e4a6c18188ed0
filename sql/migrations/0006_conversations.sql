-- A change of a conversation: its version, its mirror, its events in the log and on the channels.

create function campfire.conversation_payload(p_row public.realtime_conversations) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    -- As campfire.iso_time; five calls of it cost as much as the rest.
    v_iso constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
begin
    return jsonb_build_object(
        'id', p_row.id,
        'organization_id', p_row.organization_id,
        'visitor_id', p_row.visitor_id,
        'customer_name', p_row.customer_name,
        'customer_email', p_row.customer_email,
        'status', p_row.status,
        'priority', p_row.priority,
        'assigned_agent_id', p_row.assigned_agent_id,
        'handler_type', p_row.handler_type,
        'handler_id', p_row.handler_id,
        'handler_epoch', p_row.handler_epoch,
        'handover_requested_at', to_char(p_row.handover_requested_at at time zone 'UTC', v_iso),
        'version', p_row.version,
        'last_sequence', p_row.last_sequence,
        'last_message_preview', p_row.last_message_preview,
        'last_message_at', to_char(p_row.last_message_at at time zone 'UTC', v_iso),
        'last_message_sender_type', p_row.last_message_sender_type,
        'created_at', to_char(p_row.created_at at time zone 'UTC', v_iso),
        'updated_at', to_char(p_row.updated_at at time zone 'UTC', v_iso));
end
$$;

-- The durable events that a change amounts to, in their order. Each takes a sequence.
create function campfire.conversation_changes(p_old public.conversations, p_new public.conversations) returns text[]
language plpgsql immutable
set search_path = ''
as $$
declare
    v_handover text[] := '{}';
    v_events text[] := '{}';
begin
    if p_new.handover_requested_at is not null and p_old.handover_requested_at is null then
        v_handover := '{ai:handover:requested}';
    elsif p_new.handler_type = 'human'
        and (p_old.handler_type = 'ai'
            or (p_old.handover_requested_at is not null and p_new.handover_requested_at is null))
    then
        v_handover := '{ai:handover:completed}';
    end if;

    if p_new.status is distinct from p_old.status then
        if p_new.status::text = 'closed' then
            v_events := v_events || 'conversation:closed'::text;
        elsif p_new.status::text = 'archived' then
            v_events := v_events || 'conversation:archived'::text;
        elsif p_old.status::text in ('closed', 'archived') then
            v_events := v_events || 'conversation:reopened'::text;
        end if;
    end if;
    if p_new.assigned_agent_id is distinct from p_old.assigned_agent_id then
        v_events := v_events || case
            when p_new.assigned_agent_id is null then 'conversation:unassigned'
            else 'conversation:assigned'
        end;
    end if;
    if v_events = '{}'
        and (p_new.status, p_new.priority, p_new.tags, p_new.customer_name, p_new.customer_email,
                p_new.handler_type, p_new.handler_id, p_new.handler_epoch, p_new.handover_requested_at)
            is distinct from
            (p_old.status, p_old.priority, p_old.tags, p_old.customer_name, p_old.customer_email,
                p_old.handler_type, p_old.handler_id, p_old.handler_epoch, p_old.handover_requested_at)
    then
        v_events := '{conversation:updated}';
    end if;
    return v_handover || v_events;
end
$$;

-- Sequence numbers are given out here and by prepare_message, always under the lock of the
-- conversation's row, so their order is the order of the commits.
create function campfire.prepare_conversation() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_text record;
begin
    if tg_op = 'INSERT' then
        -- An adopted table may leave these empty.
        new.id := coalesce(new.id, gen_random_uuid());
        new.visitor_id := coalesce(new.visitor_id, gen_random_uuid());
        if new.status is null then
            new.status := 'open';
        end if;
        if new.priority is null then
            new.priority := 'medium';
        end if;
        new.handler_type := coalesce(new.handler_type, 'none');
        new.created_at := coalesce(new.created_at, clock_timestamp());
        new.updated_at := coalesce(new.updated_at, new.created_at);
    end if;
    -- The common case, a message, which changes nothing but the counters.
    if tg_op = 'UPDATE' and pg_trigger_depth() > 1
        and (new.id, new.organization_id, new.visitor_id, new.status, new.priority, new.tags, new.assigned_agent_id,
                new.customer_name, new.customer_email, new.handler_type, new.handler_id, new.handler_epoch,
                new.handover_requested_at, new.handover_reason, new.handover_summary)
            is not distinct from
            (old.id, old.organization_id, old.visitor_id, old.status, old.priority, old.tags, old.assigned_agent_id,
                old.customer_name, old.customer_email, old.handler_type, old.handler_id, old.handler_epoch,
                old.handover_requested_at, old.handover_reason, old.handover_summary)
    then
        new.version := old.version + 1;
        new.updated_at := clock_timestamp();
        return new;
    end if;

    -- The columns of an adopted table may be text, or an enum with further labels.
    if new.status is null or new.priority is null
        or new.status::text <> all (array['open', 'pending', 'assigned', 'closed', 'archived'])
        or new.priority::text <> all (array['low', 'medium', 'high', 'urgent'])
    then
        perform campfire.invalid(
            format('There is no status %s or no priority %s.',
                coalesce(new.status::text, 'null'), coalesce(new.priority::text, 'null')),
            'A status is open, pending, assigned, closed or archived; a priority low, medium, high or urgent.');
    end if;
    if new.handler_type::text <> all (array['ai', 'human', 'none']) then
        perform campfire.invalid(
            format('There is no handler type %s.', new.handler_type), 'A handler type is ai, human or none.');
    end if;
    -- What a row has of before may stay.
    select value.name, value.most into v_text
    from (values
        ('customer_name', new.customer_name::text, old.customer_name::text, 200),
        ('customer_email', new.customer_email::text, old.customer_email::text, 320),
        ('handler_id', new.handler_id::text, old.handler_id::text, 200),
        ('handover_reason', new.handover_reason::text, old.handover_reason::text, 500),
        ('handover_summary', new.handover_summary::text, old.handover_summary::text, 4000)
    ) as value (name, content, before, most)
    where length(value.content) > value.most and value.content is distinct from value.before
    limit 1;
    if found then
        perform campfire.invalid(
            format('%s of a conversation has at most %s characters.', v_text.name, v_text.most), 'Shorten it.');
    end if;

    if tg_op = 'INSERT' then
        new.last_sequence := 1;
        new.version := 1;
        new.last_message_preview := null;
        new.last_message_at := null;
        new.last_message_sender_type := null;
        return new;
    end if;

    -- A program that writes back a whole row that it read earlier must not turn back the counters. At
    -- depth 1 the update comes from outside; deeper it is prepare_message.
    if pg_trigger_depth() = 1 then
        new.last_sequence := old.last_sequence;
        new.last_message_preview := old.last_message_preview;
        new.last_message_at := old.last_message_at;
        new.last_message_sender_type := old.last_message_sender_type;
    end if;
    if (new.id, new.organization_id, new.visitor_id) is distinct from (old.id, old.organization_id, old.visitor_id) then
        perform campfire.invalid(
            'A conversation keeps its id, its organization and its visitor.', 'Open another conversation.');
    end if;
    if new.handler_type = 'human' then
        new.handover_requested_at := null;
    end if;
    if new.handover_requested_at is null then
        new.handover_reason := null;
        new.handover_summary := null;
    end if;
    -- Whoever handled the conversation before must find its epoch spent.
    new.handler_epoch := greatest(
        new.handler_epoch,
        old.handler_epoch
            + ((new.handler_type, new.handler_id) is distinct from (old.handler_type, old.handler_id))::int);
    new.last_sequence := new.last_sequence + cardinality(campfire.conversation_changes(old, new));
    new.version := old.version + 1;
    new.updated_at := clock_timestamp();
    return new;
end
$$;

-- conversation:* carries the conversation; ai:handover:* what the humans, or the program that waits for them, need.
create function campfire.write_conversation_events(
    p_old public.conversations, p_new public.conversations, p_conversation jsonb) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_events text[] := case
        when p_old.id is null then '{conversation:created}' else campfire.conversation_changes(p_old, p_new)
    end;
    v_event text;
    v_caller record;
    v_payload jsonb;
    v_sequence bigint;
    v_topic text := 'bcast:org:' || p_new.organization_id;
begin
    v_caller := campfire.caller();
    v_sequence := p_new.last_sequence - cardinality(v_events);
    foreach v_event in array v_events
    loop
        v_sequence := v_sequence + 1;
        -- realtime.send adds an id where there is none; the log must tell the same.
        v_payload := case v_event
            when 'ai:handover:requested' then jsonb_build_object(
                'id', gen_random_uuid(),
                'sequence', v_sequence,
                'conversation_id', p_new.id,
                'organization_id', p_new.organization_id,
                'reason', p_new.handover_reason,
                'summary', p_new.handover_summary,
                'requested_at', campfire.iso_time(p_new.handover_requested_at))
            when 'ai:handover:completed' then jsonb_build_object(
                'id', gen_random_uuid(),
                'sequence', v_sequence,
                'conversation_id', p_new.id,
                'organization_id', p_new.organization_id,
                'handler_type', p_new.handler_type,
                'handler_id', p_new.handler_id,
                'handler_epoch', p_new.handler_epoch)
            else p_conversation || jsonb_build_object('sequence', v_sequence)
        end;
        insert into public.conversation_events (
            conversation_id, sequence, event, actor_type, actor_id, data, created_at)
        values (
            p_new.id, v_sequence, v_event,
            case v_caller.kind when 'visitor' then 'visitor' when 'user' then 'agent' else 'system' end,
            v_caller.id, v_payload, clock_timestamp());
        perform realtime.send(v_payload, v_event, v_topic || ':conv:' || p_new.id, true);
        perform realtime.send(
            case when v_event like 'ai:%' then v_payload else p_conversation end, v_event, v_topic, true);
        if v_event = 'conversation:created' then
            perform realtime.send(p_conversation, v_event, v_topic || ':conversations', true);
        end if;
    end loop;
end
$$;

-- Keeps the mirror, and then tells what changed, which carries the mirror. One trigger for both: the condition of
-- a second one would be parsed again for each message.
create function campfire.sync_realtime_conversations() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_mirror public.realtime_conversations;
begin
    if tg_op = 'DELETE' then
        delete from public.realtime_conversations where id = old.id;
        return null;
    end if;
    update public.realtime_conversations set
        customer_name = new.customer_name,
        customer_email = new.customer_email,
        status = new.status,
        priority = new.priority,
        assigned_agent_id = new.assigned_agent_id,
        handler_type = new.handler_type,
        handler_id = new.handler_id,
        handler_epoch = new.handler_epoch,
        handover_requested_at = new.handover_requested_at,
        version = new.version,
        last_sequence = new.last_sequence,
        last_message_preview = new.last_message_preview,
        last_message_at = new.last_message_at,
        last_message_sender_type = new.last_message_sender_type,
        created_at = new.created_at,
        updated_at = new.updated_at
    where id = new.id
    returning * into v_mirror;
    if not found then
        insert into public.realtime_conversations (
            id, organization_id, visitor_id, customer_name, customer_email, status, priority,
            assigned_agent_id, handler_type, handler_id, handler_epoch, handover_requested_at, version, last_sequence,
            last_message_preview, last_message_at, last_message_sender_type, created_at, updated_at)
        values (
            new.id, new.organization_id, new.visitor_id, new.customer_name, new.customer_email, new.status,
            new.priority, new.assigned_agent_id, new.handler_type, new.handler_id, new.handler_epoch,
            new.handover_requested_at, new.version, new.last_sequence, new.last_message_preview, new.last_message_at,
            new.last_message_sender_type, new.created_at, new.updated_at)
        returning * into v_mirror;
    end if;

    if tg_op = 'INSERT' then
        perform campfire.write_conversation_events(null, new, campfire.conversation_payload(v_mirror));
    elsif (new.status, new.priority, new.tags, new.assigned_agent_id, new.customer_name, new.customer_email,
            new.handler_type, new.handler_id, new.handler_epoch, new.handover_requested_at)
        is distinct from
        (old.status, old.priority, old.tags, old.assigned_agent_id, old.customer_name, old.customer_email,
            old.handler_type, old.handler_id, old.handler_epoch, old.handover_requested_at)
    then
        perform campfire.write_conversation_events(old, new, campfire.conversation_payload(v_mirror));
    elsif new.last_sequence <> old.last_sequence and pg_trigger_depth() > 1 then
        -- A message came, changed or went: an event of the message, which no more than moves the conversation up.
        perform realtime.send(
            campfire.conversation_payload(v_mirror), 'conversation:updated', 'bcast:org:' || new.organization_id, true);
    end if;
    return null;
end
$$;

revoke all on all functions in schema campfire from public;

create trigger prepare_conversation_trigger
    before insert or update on public.conversations
    for each row execute function campfire.prepare_conversation();

-- The system that this replaces had a trigger of this name for a mirror of its own.
drop trigger if exists sync_realtime_conversations_trigger on public.conversations;
create trigger sync_realtime_conversations_trigger
    after insert or update or delete on public.conversations
    for each row execute function campfire.sync_realtime_conversations();

-- Conversations that were there before Campfire begin their log here. While they are filled in, nothing may
-- fire that the application does with its rows.

create function campfire.pause_triggers(p_table regclass) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_trigger record;
    v_paused jsonb := '{}';
begin
    for v_trigger in
        select tgname, tgenabled from pg_catalog.pg_trigger
        where tgrelid = p_table and not tgisinternal and tgenabled <> 'D'
    loop
        execute format('alter table %s disable trigger %I', p_table, v_trigger.tgname);
        v_paused := v_paused || jsonb_build_object(v_trigger.tgname, v_trigger.tgenabled);
    end loop;
    return v_paused;
end
$$;

create function campfire.resume_triggers(p_table regclass, p_paused jsonb) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_trigger record;
begin
    -- An ALTER TABLE fails while a deferred constraint of the table waits for the end of the transaction.
    set constraints all immediate;
    for v_trigger in select key as name, value as state from jsonb_each_text(p_paused)
    loop
        execute format(
            'alter table %s enable %s trigger %I',
            p_table, case v_trigger.state when 'A' then 'always' when 'R' then 'replica' else '' end, v_trigger.name);
    end loop;
end
$$;

revoke all on function campfire.pause_triggers(regclass), campfire.resume_triggers(regclass, jsonb) from public;

do $$
declare
    v_paused jsonb;
    v_paused_mirror jsonb;
begin
    lock table public.conversations in share row exclusive mode;
    v_paused := campfire.pause_triggers('public.conversations');
    v_paused_mirror := campfire.pause_triggers('public.realtime_conversations');
    -- Dynamic, because the label may be one that this migration has added to the application's enum.
    if exists (select from public.conversations where status is null) then
        execute $sql$ update public.conversations set status = 'open' where status is null $sql$;
    end if;
    if exists (select from public.conversations where priority is null) then
        execute $sql$ update public.conversations set priority = 'medium' where priority is null $sql$;
    end if;
    update public.conversations set
        visitor_id = coalesce(visitor_id, gen_random_uuid()),
        handler_type = coalesce(handler_type, 'none'),
        created_at = coalesce(created_at, updated_at, now()),
        updated_at = coalesce(updated_at, created_at, now())
    where visitor_id is null or handler_type is null or created_at is null or updated_at is null;

    -- The mirror's trigger writes each row's; a change of the counter alone is no event.
    set constraints all immediate;
    alter table public.conversations enable trigger sync_realtime_conversations_trigger;
    update public.conversations set last_sequence = 1;
    perform campfire.resume_triggers('public.conversations', v_paused);
    -- What never changes is not written to a row that an adopted mirror has already.
    update public.realtime_conversations mirror set
        organization_id = conversation.organization_id,
        visitor_id = conversation.visitor_id
    from public.conversations conversation
    where conversation.id = mirror.id
      and (mirror.organization_id, mirror.visitor_id)
          is distinct from (conversation.organization_id, conversation.visitor_id);
    perform campfire.resume_triggers('public.realtime_conversations', v_paused_mirror);

    insert into public.conversation_events (conversation_id, sequence, event, actor_type, data, created_at)
    select
        mirror.id, 1, 'conversation:created', 'system',
        campfire.conversation_payload(mirror) || jsonb_build_object('sequence', 1), mirror.created_at
    from public.realtime_conversations mirror;
end
$$;

alter table public.realtime_conversations
    alter column organization_id set not null,
    alter column visitor_id set not null,
    alter column status set not null,
    alter column priority set not null,
    alter column handler_type set not null,
    alter column handler_epoch set not null,
    alter column version set not null,
    alter column last_sequence set not null,
    alter column created_at set not null,
    alter column updated_at set not null;

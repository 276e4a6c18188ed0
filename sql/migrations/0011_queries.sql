-- What clients and servers call to read, through PostgREST like the commands.

create function campfire.check_limit(p_limit int, p_maximum int) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_limit is null or p_limit not between 1 and p_maximum then
        perform campfire.invalid('p_limit is out of range.', format('Use 1 to %s.', p_maximum));
    end if;
end
$$;

-- json and not jsonb: a page is put together once and read once, and each level of jsonb would copy all of it.
create function public.campfire_events(
    p_conversation_id uuid,
    p_after bigint default 0,
    p_limit int default 100) returns json
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_last_sequence bigint;
    v_events json;
    v_has_more boolean;
begin
    perform campfire.require_participant(p_conversation_id, false);
    perform campfire.check_limit(p_limit, 500);

    select conversation.last_sequence into v_last_sequence
    from public.conversations conversation where conversation.id = p_conversation_id;

    -- The message is looked up entry by entry: not knowing the limit, the planner would join by reading
    -- all messages of all conversations.
    select
        coalesce(json_agg(
            json_build_object('event', entry.event, 'payload', coalesce(
                entry.data,
                (select case entry.event
                    when 'message:created' then campfire.message_payload(message)
                    else campfire.message_event_payload(entry.event, entry.sequence, message)
                 end
                 from public.messages message where message.id = entry.message_id),
                -- Somebody deleted the row itself; the event keeps its place.
                jsonb_build_object(
                    'sequence', entry.sequence, 'id', entry.message_id, 'conversation_id', entry.conversation_id)))
            order by entry.sequence) filter (where entry.position <= p_limit), '[]'),
        count(*) > p_limit
    into v_events, v_has_more
    from (
        select log.*, row_number() over (order by log.sequence) as position
        from public.conversation_events log
        where log.conversation_id = p_conversation_id and log.sequence > coalesce(p_after, 0)
        order by log.sequence
        limit p_limit + 1) entry;

    return json_build_object('events', v_events, 'last_sequence', v_last_sequence, 'has_more', v_has_more);
end
$$;

create function public.campfire_messages(
    p_conversation_id uuid,
    p_before bigint default null,
    p_limit int default 50) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_messages jsonb;
begin
    perform campfire.require_participant(p_conversation_id, false);
    perform campfire.check_limit(p_limit, 200);

    select coalesce(jsonb_agg(campfire.message_payload(message) order by message.sequence desc), '[]')
    into v_messages
    from (
        select * from public.messages candidate
        where candidate.conversation_id = p_conversation_id
          and candidate.sequence < coalesce(p_before, 9223372036854775807)
        order by candidate.sequence desc
        limit p_limit + 1) message;

    return jsonb_build_object(
        'messages', case when jsonb_array_length(v_messages) > p_limit then v_messages - p_limit else v_messages end,
        'has_more', jsonb_array_length(v_messages) > p_limit);
end
$$;

-- Pages backwards by (updated_at, id): pass both of the last row as p_before and p_before_id.
create function public.campfire_conversations(
    p_organization_id uuid,
    p_status text default null,
    p_updated_after timestamptz default null,
    p_before timestamptz default null,
    p_limit int default 50,
    p_before_id uuid default null) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_statuses text[] := enum_range(null::campfire.conversation_status)::text[];
    v_caller record;
    v_conversations jsonb;
begin
    v_caller := campfire.caller();
    if not (coalesce(v_caller.kind, '') = 'server'
            and exists (select from public.organizations where id = p_organization_id))
        and not campfire.is_member(p_organization_id)
    then
        perform campfire.fail(404, 'campfire_not_found',
            'There is no such organization, or the caller is not a member of it.',
            'Check the organization id and organization_members.');
    end if;
    perform campfire.check_limit(p_limit, 200);
    if p_status is not null then
        if p_status <> all (v_statuses) then
            perform campfire.invalid(
                format('There is no status %s.', p_status), 'Use ' || array_to_string(v_statuses, ', ') || '.');
        end if;
        v_statuses := array[p_status];
    end if;

    select coalesce(jsonb_agg(campfire.conversation_payload(page) order by page.updated_at desc, page.id desc), '[]')
    into v_conversations
    from (
        select candidate.*
        from unnest(v_statuses) as list (status)
        cross join lateral (
            select * from public.realtime_conversations mirror
            where mirror.organization_id = p_organization_id
              and mirror.status = list.status
              and mirror.updated_at > coalesce(p_updated_after, '-infinity')
              and (mirror.updated_at, mirror.id)
                  < (coalesce(p_before, 'infinity'), coalesce(p_before_id, '00000000-0000-0000-0000-000000000000'))
            order by mirror.updated_at desc, mirror.id desc
            limit p_limit + 1) candidate
        order by candidate.updated_at desc, candidate.id desc
        limit p_limit + 1) page;

    return jsonb_build_object(
        'conversations', case
            when jsonb_array_length(v_conversations) > p_limit then v_conversations - p_limit
            else v_conversations
        end,
        'has_more', jsonb_array_length(v_conversations) > p_limit,
        'server_time', campfire.iso_time(statement_timestamp()));
end
$$;

create function public.campfire_find_widget_key(p_public_key text) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_key public.widget_keys;
begin
    select * into v_key from public.widget_keys where public_key = p_public_key;
    if not found then
        perform campfire.fail(404, 'campfire_not_found', 'There is no such widget key.', 'Check the key in widget_keys.');
    end if;
    return jsonb_build_object(
        'organization_id', v_key.organization_id,
        'allowed_origins', v_key.allowed_origins,
        'is_enabled', v_key.is_enabled);
end
$$;

revoke all on function campfire.check_limit(int, int) from public;
revoke all on function
    public.campfire_events(uuid, bigint, int),
    public.campfire_messages(uuid, bigint, int),
    public.campfire_conversations(uuid, text, timestamptz, timestamptz, int, uuid),
    public.campfire_find_widget_key(text)
    from public, anon, authenticated, service_role;

grant execute on function
    public.campfire_events(uuid, bigint, int),
    public.campfire_messages(uuid, bigint, int)
    to anon, authenticated, service_role;
grant execute on function
    public.campfire_conversations(uuid, text, timestamptz, timestamptz, int, uuid)
    to authenticated, service_role;
grant execute on function
    public.campfire_find_widget_key(text)
    to service_role;

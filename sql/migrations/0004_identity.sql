-- Who calls, and what they may see. Everything here answers "nobody" to a forged or broken token;
-- nothing raises.

-- kind is 'server' (service_role, or a database user that has its rights), 'user' (a signed-in user, who
-- may be an agent), 'visitor', or null for nobody.
-- The role comes from SET ROLE, which PostgREST and Realtime do from the verified token, and which
-- stays visible inside SECURITY DEFINER functions; current_user would be the owner there.
create function campfire.caller(
    out kind text, out id uuid, out organization_id uuid, out conversation_id uuid)
language plpgsql stable
set search_path = ''
as $$
declare
    v_role text := coalesce(nullif(current_setting('role', true), 'none'), session_user);
    v_claims jsonb;
    v_id text;
    v_organization_id text;
    v_conversation_id text;
begin
    if v_role not in ('anon', 'authenticated') then
        if pg_has_role(v_role, 'service_role', 'usage') then
            kind := 'server';
        end if;
        return;
    end if;

    v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    v_id := lower(v_claims ->> 'sub');
    id := v_id::uuid;
    -- Only the canonical form counts; the cast also takes braces, and digits without hyphens.
    if id is null or id::text <> v_id then
        id := null;
    elsif v_role = 'authenticated' then
        kind := 'user';
    elsif v_claims -> 'campfire' ->> 'kind' = 'visitor' then
        v_organization_id := lower(v_claims -> 'campfire' ->> 'org');
        v_conversation_id := lower(v_claims -> 'campfire' ->> 'conv');
        organization_id := v_organization_id::uuid;
        conversation_id := v_conversation_id::uuid;
        if organization_id::text = v_organization_id and conversation_id::text = v_conversation_id then
            kind := 'visitor';
        end if;
    end if;
exception when data_exception or program_limit_exceeded then
    kind := null;
    id := null;
    organization_id := null;
    conversation_id := null;
end
$$;

create function campfire.is_member(p_organization_id uuid) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_caller record;
begin
    v_caller := campfire.caller();
    return coalesce(v_caller.kind = 'user', false) and exists (
        select from public.organization_members
        where organization_id = p_organization_id and user_id = v_caller.id);
end
$$;

-- The organizations that the caller may read, or with p_can_write also act in.
create function campfire.member_organizations(p_can_write boolean default false) returns setof uuid
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_caller record;
begin
    v_caller := campfire.caller();
    if v_caller.kind = 'user' then
        return query
            select organization_id from public.organization_members
            where user_id = v_caller.id and (not p_can_write or role::text in ('owner', 'admin', 'agent'));
    end if;
end
$$;

-- The one conversation of a visitor's token, if the token still tells the truth about it.
create function campfire.visitor_conversation_id() returns uuid
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_caller record;
begin
    v_caller := campfire.caller();
    if v_caller.kind = 'visitor' then
        return (
            select conversation.id from public.conversations conversation
            where conversation.id = v_caller.conversation_id
              and conversation.organization_id = v_caller.organization_id
              and conversation.visitor_id = v_caller.id);
    end if;
    return null;
end
$$;

-- The caller's part in a conversation: 'server', 'agent' or 'visitor'. Whoever has none gets 404, as for
-- a conversation that does not exist; a viewer who wants to write gets 403, as does a role that only an adopted
-- table knows.
create function campfire.require_participant(
    p_conversation_id uuid,
    p_can_write boolean,
    out kind text, out id text, out name text, out email text, out organization_id uuid)
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_caller record;
    v_conversation record;
    v_member record;
begin
    v_caller := campfire.caller();
    select
        conversation.organization_id, conversation.visitor_id,
        conversation.customer_name, conversation.customer_email
    into v_conversation
    from public.conversations conversation
    where conversation.id = p_conversation_id;

    organization_id := v_conversation.organization_id;
    if found then
        if v_caller.kind = 'server' then
            kind := 'server';
        elsif v_caller.kind = 'user' then
            select member.role, member.display_name into v_member
            from public.organization_members member
            where member.organization_id = v_conversation.organization_id
              and member.user_id = v_caller.id;
            if found then
                kind := 'agent';
                id := v_caller.id;
                name := v_member.display_name;
            end if;
        elsif v_caller.kind = 'visitor'
            and v_caller.conversation_id = p_conversation_id
            and v_caller.organization_id = organization_id
            and v_caller.id = v_conversation.visitor_id
        then
            kind := 'visitor';
            id := v_caller.id;
            name := v_conversation.customer_name;
            email := v_conversation.customer_email;
        end if;
    end if;

    if kind is null then
        perform campfire.fail(404, 'campfire_not_found',
            'There is no such conversation, or the token gives no access to it.',
            'Check the conversation id and that the token belongs to a participant of it.');
    end if;
    if p_can_write and kind = 'agent' then
        if v_member.role::text not in ('owner', 'admin', 'agent') then
            perform campfire.fail(403, 'campfire_not_participant',
                format('A member with the role %s may read but not take part.', v_member.role),
                'Give the member the role agent in organization_members.');
        end if;
    end if;
end
$$;

-- The channel naming standard as a rule: who may receive on a topic. Topics are matched in full and in
-- lower case, so that one channel cannot be reached under two names.
create function campfire.can_receive(p_topic text) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_uuid constant text := '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})';
    v_caller record;
    v_match text[];
    v_organization_id uuid;
    v_resource text;
begin
    v_caller := campfire.caller();
    if v_caller.kind is null then
        return false;
    end if;
    if p_topic in ('bcast:system:announcements', 'bcast:system:health', 'bcast:system:performance') then
        return v_caller.kind in ('user', 'server');
    end if;

    v_match := regexp_match(p_topic, '^bcast:org:' || v_uuid || '(?::(.+))?$');
    if v_match is null then
        return false;
    end if;
    v_organization_id := v_match[1]::uuid;
    v_resource := v_match[2];

    if v_resource is null
        or v_resource in ('conversations', 'agents:presence', 'notifications', 'activity', 'metrics')
    then
        return v_caller.kind = 'server' or campfire.is_member(v_organization_id);
    end if;

    v_match := regexp_match(v_resource, '^conv:' || v_uuid || '(?::(?:typing|presence|handover|status))?$');
    if v_match is not null then
        if v_caller.kind = 'visitor' then
            return v_caller.organization_id = v_organization_id
                and coalesce(campfire.visitor_conversation_id() = v_match[1]::uuid, false);
        end if;
        return (v_caller.kind = 'server' or campfire.is_member(v_organization_id)) and exists (
            select from public.conversations
            where id = v_match[1]::uuid and organization_id = v_organization_id);
    end if;

    v_match := regexp_match(v_resource, '^user:' || v_uuid || '(?::(?:notifications|presence|activity))?$');
    if v_match is not null then
        return v_caller.kind = 'server'
            or (v_caller.id = v_match[1]::uuid and campfire.is_member(v_organization_id));
    end if;

    v_match := regexp_match(v_resource, '^widget:visitor:' || v_uuid || '$');
    if v_match is not null then
        if v_caller.kind = 'visitor' then
            return v_caller.organization_id = v_organization_id
                and v_caller.id = v_match[1]::uuid
                and campfire.visitor_conversation_id() is not null;
        end if;
        return v_caller.kind = 'server' or campfire.is_member(v_organization_id);
    end if;

    return false;
end
$$;

-- A client may broadcast only that somebody is typing; a viewer does not write, hence does not type.
create function campfire.can_broadcast(p_topic text) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_topic text[] := string_to_array(p_topic, ':');
begin
    return coalesce(
        v_topic[6] = 'typing'
        and v_topic[4] = 'conv'
        and campfire.can_receive(p_topic)
        and (
            campfire.visitor_conversation_id() is not null
            or campfire.to_uuid(v_topic[3]) in (select campfire.member_organizations(p_can_write => true))),
        false);
end
$$;

create function campfire.can_track_presence(p_topic text) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
begin
    return coalesce(
        p_topic ~ '^bcast:org:[^:]+:(conv:[^:]+|agents:presence)$' and campfire.can_receive(p_topic),
        false);
end
$$;

revoke all on all functions in schema campfire from public;

-- Policies run as the caller, so these need EXECUTE; the functions that they call in turn run as owner.
grant execute on function
    campfire.member_organizations(boolean),
    campfire.visitor_conversation_id(),
    campfire.can_receive(text),
    campfire.can_broadcast(text),
    campfire.can_track_presence(text)
    to anon, authenticated;

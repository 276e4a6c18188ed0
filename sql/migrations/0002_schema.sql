-- The types of status and priority, the errors, and what texts become.

create type campfire.conversation_status as enum ('open', 'pending', 'assigned', 'closed', 'archived');
create type campfire.conversation_priority as enum ('low', 'medium', 'high', 'urgent');

-- PostgREST answers SQLSTATE PTnnn with HTTP status nnn. The message is a stable code for programs, the
-- detail says what happened and the hint what to do about it.
create function campfire.fail(p_http_status int, p_code text, p_detail text, p_hint text) returns void
language plpgsql
set search_path = ''
as $$
begin
    raise exception using
        errcode = 'PT' || p_http_status,
        message = p_code,
        detail = p_detail,
        hint = p_hint;
end
$$;

create function campfire.invalid(p_detail text, p_hint text) returns void
language plpgsql
set search_path = ''
as $$
begin
    perform campfire.fail(422, 'campfire_invalid', p_detail, p_hint);
end
$$;

-- Somebody's own JSON: bounded in size, and in depth because readers of JSON give up at 64 levels.
create function campfire.check_object(p_name text, p_object jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
    if jsonb_typeof(p_object) <> 'object' or octet_length(p_object::text) > 8192 then
        perform campfire.invalid(
            p_name || ' must be a JSON object of at most 8 kB.', 'Keep larger data elsewhere and refer to it.');
    end if;
    if jsonb_path_exists(p_object, 'strict $.**{33 to last}') then
        perform campfire.invalid(p_name || ' is nested deeper than 32 levels.', 'Flatten it.');
    end if;
end
$$;

create function campfire.iso_time(p_time timestamptz) returns text
language plpgsql immutable strict
set search_path = ''
as $$
begin
    return to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
end
$$;

-- Text that comes from a token or a topic may be anything: what is no UUID is null, never an error.
create function campfire.to_uuid(p_text text) returns uuid
language plpgsql immutable strict
set search_path = ''
as $$
begin
    if p_text ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        return p_text::uuid;
    end if;
    return null;
end
$$;

revoke all on all functions in schema campfire from public;

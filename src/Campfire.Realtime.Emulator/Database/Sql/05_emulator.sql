-- What the emulator needs and Supabase does by other means.

create schema emulator authorization supabase_admin;

-- Keeps the daily partitions of realtime.messages as Realtime's janitor does: yesterday to three days
-- ahead exist, those older than three days are gone. Without today's partition every broadcast is lost.
create function emulator.maintain_message_partitions(p_today date default (now() at time zone 'utc')::date) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_day date;
    v_name text;
begin
    for v_day in select generate_series(p_today - 1, p_today + 3, interval '1 day')::date
    loop
        v_name := 'messages_' || to_char(v_day, 'YYYY_MM_DD');
        if to_regclass('realtime.' || v_name) is null then
            execute format(
                'create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
                v_name, v_day::timestamp, (v_day + 1)::timestamp);
            execute format('alter table realtime.%I owner to supabase_realtime_admin', v_name);
        end if;
    end loop;

    for v_name in
        select child.relname
        from pg_catalog.pg_inherits inheritance
        join pg_catalog.pg_class child on child.oid = inheritance.inhrelid
        where inheritance.inhparent = 'realtime.messages'::regclass
          and child.relname ~ '^messages_\d{4}_\d{2}_\d{2}$'
          and to_date(substr(child.relname, 10), 'YYYY_MM_DD') < p_today - 3
    loop
        execute format('drop table realtime.%I', v_name);
    end loop;
end
$$;
revoke all on function emulator.maintain_message_partitions(date) from public;

select emulator.maintain_message_partitions();

-- On Supabase, postgres is not the owner of realtime.messages, yet the supautils extension lets it
-- create and drop policies there. PostgreSQL itself knows only ownership, so here postgres is a member
-- of the owner, and two event triggers take back everything that is not a policy.
grant supabase_realtime_admin to postgres;

create function emulator.refuse_realtime_ddl() returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
    v_command record;
begin
    if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        return;
    end if;
    for v_command in
        select command_tag, object_identity
        from pg_catalog.pg_event_trigger_ddl_commands()
        where (schema_name = 'realtime' or object_identity like '% on realtime.%')
          and command_tag not in ('CREATE POLICY', 'ALTER POLICY')
    loop
        raise exception 'must be owner of %', v_command.object_identity
            using errcode = 'insufficient_privilege';
    end loop;
end
$$;

create function emulator.refuse_realtime_drop() returns event_trigger
language plpgsql
set search_path = ''
as $$
declare
    v_object record;
begin
    if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        return;
    end if;
    for v_object in
        select object_identity
        from pg_catalog.pg_event_trigger_dropped_objects()
        where (schema_name = 'realtime' or object_identity like '% on realtime.%')
          and object_type <> 'policy'
    loop
        raise exception 'must be owner of %', v_object.object_identity
            using errcode = 'insufficient_privilege';
    end loop;
end
$$;

create event trigger refuse_realtime_ddl on ddl_command_end
    execute function emulator.refuse_realtime_ddl();
create event trigger refuse_realtime_drop on sql_drop
    execute function emulator.refuse_realtime_drop();

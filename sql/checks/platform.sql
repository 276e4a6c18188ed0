-- What Supabase brings along and Campfire builds on. None of it can be put right with a statement, because
-- it belongs to Supabase.

select
    'role_missing' as code,
    'error' as severity,
    role.name as object,
    format('The role %s does not exist, so this is no Supabase database, or a damaged one.', role.name) as message,
    '-- Connect to the database of a Supabase project; each has this role from the beginning.' as fix
from (values ('anon'), ('authenticated'), ('service_role')) as role (name)
where to_regrole(role.name) is null

union all
select
    'realtime_table_missing', 'error', 'realtime.messages',
    'The table does not exist: no private channel can be joined and nothing is broadcast from the database.',
    '-- Realtime makes it when a client connects for the first time; restart the project if it stays away.'
where to_regclass('realtime.messages') is null

union all
select
    'realtime_send_missing', 'error', 'realtime.send(jsonb, text, text, boolean)',
    'The function does not exist: every message fails to be stored, because its trigger calls the function.',
    '-- Realtime makes it when a client connects for the first time; restart the project if it stays away.'
where to_regprocedure('realtime.send(jsonb, text, text, boolean)') is null

union all
select
    'realtime_publication_missing', 'error', 'supabase_realtime_messages_publication',
    'The publication does not exist or lacks realtime.messages: nothing that the database broadcasts reaches a client.',
    '-- Realtime makes it when a client connects; restart the project if it stays away.'
where to_regclass('realtime.messages') is not null
  and not exists (
    select from pg_catalog.pg_publication publication
    where publication.pubname = 'supabase_realtime_messages_publication'
      and (publication.puballtables
        or exists (
            select from pg_catalog.pg_publication_rel member
            where member.prpubid = publication.oid and member.prrelid = to_regclass('realtime.messages'))))

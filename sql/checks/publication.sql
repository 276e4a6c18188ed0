-- What leaves through postgres_changes. One array, enum, JSON or inet column among what is published is enough
-- to break it for every listener. What the application publishes beside our tables is its own.

with publication as (
    select oid, pubname, puballtables, pubinsert and pubupdate and pubdelete as is_complete
    from pg_catalog.pg_publication
    where pubname = 'supabase_realtime'
),
-- Columns of our tables that are no scalars.
composite as (
    select attribute.attrelid as relation, attribute.attnum, attribute.attname::text as name
    from pg_catalog.pg_attribute attribute
    join pg_catalog.pg_type type on type.oid = attribute.atttypid
    where attribute.attrelid in (
        to_regclass('public.conversations'), to_regclass('public.messages'), to_regclass('public.realtime_conversations'))
      and attribute.attnum > 0 and not attribute.attisdropped
      and (type.typtype <> 'b' or type.typcategory not in ('B', 'D', 'N', 'S', 'U')
        or type.oid in ('json'::regtype, 'jsonb'::regtype))
),
-- An adopted table may have an enum where ours has a text; then it is not published.
expected (table_name, columns) as (
    select table_name, array(
        select name from unnest(agreed.columns) with ordinality as agreed_column (name, position)
        where not exists (
            select from composite
            where composite.relation = to_regclass(agreed.table_name) and composite.name = agreed_column.name)
        order by position)
    from (values
        ('public.conversations', '{id,organization_id,customer_name,customer_email,created_at,updated_at}'::text[]),
        ('public.messages',
            '{id,conversation_id,organization_id,content,sender_type,sender_name,sender_email,created_at}')
    ) as agreed (table_name, columns)
    union all
    select 'public.realtime_conversations', null
),
-- What stands behind FOR TABLE.
whole (tables) as (
    select string_agg(table_name || coalesce(' (' || array_to_string(columns, ', ') || ')', ''), ', ' order by table_name)
    from expected
),
ours (table_name) as (
    select table_name from expected
    union all values
        ('public.organizations'), ('public.organization_members'), ('public.widget_keys'), ('public.message_attachments'),
        ('public.conversation_events'), ('public.conversation_receipts')
),
-- A publication of all tables, or of a schema, lists no tables of its own, and its own finding says everything.
member as (
    select
        ours.table_name, relation.prattrs is null as is_whole, relation.prqual is not null as is_filtered,
        array(
            select attribute.attname::text
            from pg_catalog.pg_attribute attribute
            where attribute.attrelid = relation.prrelid and attribute.attnum > 0 and not attribute.attisdropped
              and (relation.prattrs is null or attribute.attnum = any (relation.prattrs))
            order by 1) as columns,
        array(
            select composite.name from composite
            where composite.relation = relation.prrelid
              and (relation.prattrs is null or composite.attnum = any (relation.prattrs))
            order by 1) as composites
    from publication
    join pg_catalog.pg_publication_rel relation on relation.prpubid = publication.oid
    join ours on to_regclass(ours.table_name) = relation.prrelid
)
select
    'publication_missing' as code,
    'error' as severity,
    'supabase_realtime' as object,
    'The publication does not exist, so postgres_changes tells nobody anything.' as message,
    'create publication supabase_realtime for table ' || (select tables from whole) as fix
where not exists (select from publication)

union all
select
    'publication_all_tables', 'error', 'supabase_realtime',
    'The publication holds whole tables by itself (FOR ALL TABLES or FOR TABLES IN SCHEMA), with columns that are no '
        || 'scalars, which break postgres_changes for every listener.',
    'drop publication supabase_realtime; create publication supabase_realtime for table '
        || (select tables from whole) || '; -- and add the application''s own tables that are listened to'
from publication
where publication.puballtables
   or exists (
    select from pg_catalog.pg_publication_namespace
    where pnpubid = publication.oid and pnnspid in ('public'::regnamespace, to_regnamespace('campfire')))

union all
select
    'publication_operations', 'error', 'supabase_realtime',
    'The publication leaves out inserts, updates or deletes.',
    'alter publication supabase_realtime set (publish = ''insert, update, delete, truncate'')'
from publication
where not publication.is_complete

union all
select
    'publication_table_missing', 'error', expected.table_name,
    'The table is not in the publication supabase_realtime, so those who listen with postgres_changes hear nothing of it.',
    format('alter publication supabase_realtime add table %s%s', expected.table_name,
        ' (' || array_to_string(expected.columns, ', ') || ')')
from publication
join expected on to_regclass(expected.table_name) is not null
where not publication.puballtables
  and not exists (select from pg_catalog.pg_publication_namespace where pnpubid = publication.oid and pnnspid = 'public'::regnamespace)
  and not exists (select from member where member.table_name = expected.table_name)

union all
select
    'publication_table_extra', 'error', member.table_name,
    'The table is in the publication supabase_realtime, where only conversations, messages and realtime_conversations '
        || 'of ours belong: what it holds is not for postgres_changes.',
    format('alter publication supabase_realtime drop table %s', member.table_name)
from member
where member.table_name not in (select table_name from expected)

union all
select
    'publication_not_scalar', 'error', member.table_name,
    format('The publication supabase_realtime holds columns that are no scalars (%s), which break postgres_changes '
        || 'for every listener.', array_to_string(member.composites, ', ')),
    case when expected.columns is null
        then '-- Drop these columns from the mirror: nothing of Campfire uses them.'
        else format('alter publication supabase_realtime drop table %s; alter publication supabase_realtime add table %s (%s)',
            member.table_name, member.table_name, array_to_string(expected.columns, ', '))
    end
from member
join expected on expected.table_name = member.table_name
where member.composites <> '{}'

union all
select
    'publication_columns', 'error', member.table_name,
    'The publication supabase_realtime holds other columns of the table than it should, or filters its rows.',
    format('alter publication supabase_realtime drop table %s; alter publication supabase_realtime add table %s%s',
        member.table_name, member.table_name, ' (' || array_to_string(expected.columns, ', ') || ')')
from member
join expected on expected.table_name = member.table_name
where member.composites = '{}'
  and (member.is_filtered
    or (expected.columns is null and not member.is_whole)
    or (expected.columns is not null and (member.is_whole
        or member.columns <> array(select name from unnest(expected.columns) as name order by 1))))

union all
-- A list of columns must hold the replica identity, or every UPDATE and DELETE of the table fails.
select
    'publication_replica_identity', 'error', member.table_name,
    'The table''s replica identity is not its primary key. The publication holds only some of its columns, so '
        || 'every UPDATE and DELETE of the table fails.',
    format('alter table %s replica identity default', member.table_name)
from member
join pg_catalog.pg_class existing on existing.oid = to_regclass(member.table_name)
where not member.is_whole and existing.relreplident <> 'd'

-- Looks before anything changes: what cannot be adopted of a database that is in use is raised as one list,
-- and nothing is kept. Makes the private schema, which PostgREST does not expose. The API roles get no USAGE
-- on it: they reach its helpers only through policies and through the functions in public.

create schema if not exists campfire;
revoke all on schema campfire from public;

-- The tables that were there before Campfire. They keep their grants and policies where these cannot open a
-- conversation to strangers.
create table campfire.adopted_tables (name text primary key);
alter table campfire.adopted_tables enable row level security;

insert into campfire.adopted_tables (name)
select relname
from pg_catalog.pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'
  and relname in ('organizations', 'organization_members', 'conversations', 'messages', 'realtime_conversations');

do $$
declare
    v_statuses constant text[] := '{open,pending,assigned,closed,archived}';
    v_priorities constant text[] := '{low,medium,high,urgent}';
    v_sender_types constant text[] := '{visitor,agent,ai,system}';
    v_obstacles text[];
    v_more text[];
    v_column record;
    v_check record;
    v_bad text;
begin
    -- Which columns an adopted table may, must or must not have. Types as in pg_type.typname, or 'enum';
    -- no type at all: the name is taken. Length: what Campfire may store there.
    create temporary table campfire_survey_columns on commit drop as
    select name.t as table_name, name.c as column_name, types::text[], is_required, takes_null, length, labels::text[]
    from (values
        ('organizations.id', '{uuid}', true, false, null::int, null),
        ('organization_members.organization_id', '{uuid}', true, false, null, null),
        ('organization_members.user_id', '{uuid}', true, false, null, null),
        ('organization_members.role', '{text,varchar,enum}', false, false, null, null),
        ('organization_members.display_name', '{text,varchar}', false, false, null, null),
        ('conversations.id', '{uuid}', true, false, null, null),
        ('conversations.organization_id', '{uuid}', true, false, null, null),
        ('conversations.visitor_id', '{uuid}', false, false, null, null),
        ('conversations.customer_name', '{text,varchar,citext}', false, true, 200, null),
        ('conversations.customer_email', '{text,varchar,citext}', false, true, 320, null),
        ('conversations.status', '{text,varchar,enum}', false, false, 8, v_statuses),
        ('conversations.priority', '{text,varchar,enum}', false, false, 6, v_priorities),
        ('conversations.assigned_agent_id', '{uuid}', false, true, null, null),
        ('conversations.handler_type', '{text,varchar}', false, false, 5, '{ai,human,none}'),
        ('conversations.handler_id', '{text,varchar}', false, true, 200, null),
        ('conversations.handler_epoch', '{}', false, false, null, null),
        ('conversations.handover_requested_at', '{timestamptz}', false, true, null, null),
        ('conversations.handover_reason', '{text,varchar}', false, true, 500, null),
        ('conversations.handover_summary', '{text,varchar}', false, true, 4000, null),
        ('conversations.last_sequence', '{}', false, false, null, null),
        ('conversations.version', '{}', false, false, null, null),
        ('conversations.last_message_preview', '{text,varchar}', false, true, 140, null),
        ('conversations.last_message_at', '{timestamptz}', false, true, null, null),
        ('conversations.last_message_sender_type', '{text,varchar}', false, true, 7, null),
        ('conversations.tags', '{_text,_varchar}', false, false, 50, null),
        ('conversations.customer_ip', '{inet,text,varchar}', false, true, 45, null),
        ('conversations.customer', '{jsonb}', false, false, null, null),
        ('conversations.metadata', '{jsonb}', false, false, null, null),
        ('conversations.ai_metadata', '{jsonb}', false, true, null, null),
        ('conversations.assignment_metadata', '{jsonb}', false, true, null, null),
        ('conversations.created_at', '{timestamptz}', false, false, null, null),
        ('conversations.updated_at', '{timestamptz}', false, false, null, null),
        ('messages.id', '{uuid}', true, false, null, null),
        ('messages.conversation_id', '{uuid}', true, false, null, null),
        ('messages.organization_id', '{uuid}', false, false, null, null),
        ('messages.sequence', '{}', false, false, null, null),
        ('messages.content', '{text,varchar}', true, false, 16000, null),
        ('messages.sender_type', '{text,varchar,enum}', true, false, 7, v_sender_types),
        ('messages.sender_id', '{text,varchar,uuid}', false, true, 320, null),
        ('messages.sender_name', '{text,varchar,citext}', false, true, 320, null),
        ('messages.sender_email', '{text,varchar,citext}', false, true, 320, null),
        ('messages.handler_epoch', '{}', false, true, null, null),
        ('messages.metadata', '{jsonb}', false, false, null, null),
        ('messages.ai_metadata', '{jsonb}', false, true, null, null),
        ('messages.attachments', '{jsonb}', false, false, null, null),
        ('messages.edited_at', '{timestamptz}', false, true, null, null),
        ('messages.deleted_at', '{timestamptz}', false, true, null, null),
        ('messages.created_at', '{timestamptz}', true, false, null, null),
        ('realtime_conversations.id', '{uuid}', true, false, null, null),
        ('realtime_conversations.organization_id', '{uuid}', false, false, null, null),
        ('realtime_conversations.visitor_id', '{uuid}', false, false, null, null),
        ('realtime_conversations.customer_name', '{text,varchar,citext}', false, true, 200, null),
        ('realtime_conversations.customer_email', '{text,varchar,citext}', false, true, 320, null),
        ('realtime_conversations.status', '{text,varchar}', false, false, 8, v_statuses),
        ('realtime_conversations.priority', '{text,varchar}', false, false, 6, v_priorities),
        ('realtime_conversations.assigned_agent_id', '{uuid}', false, true, null, null),
        ('realtime_conversations.handler_type', '{text,varchar}', false, false, 5, '{ai,human,none}'),
        ('realtime_conversations.handler_id', '{text,varchar}', false, true, 200, null),
        ('realtime_conversations.handler_epoch', '{int8}', false, false, null, null),
        ('realtime_conversations.handover_requested_at', '{timestamptz}', false, true, null, null),
        ('realtime_conversations.version', '{int8}', false, false, null, null),
        ('realtime_conversations.last_sequence', '{int8}', false, false, null, null),
        ('realtime_conversations.last_message_preview', '{text,varchar}', false, true, 140, null),
        ('realtime_conversations.last_message_at', '{timestamptz}', false, true, null, null),
        ('realtime_conversations.last_message_sender_type', '{text,varchar}', false, true, 7, null),
        ('realtime_conversations.created_at', '{timestamptz}', false, false, null, null),
        ('realtime_conversations.updated_at', '{timestamptz}', false, false, null, null)
    ) as rule (path, types, is_required, takes_null, length, labels)
    cross join lateral (select split_part(path, '.', 1), split_part(path, '.', 2)) as name (t, c);

    -- The columns that are there.
    create temporary table campfire_survey_present on commit drop as
    select
        class.relname as table_name, attribute.attname as column_name, attribute.attnum, class.oid as table_id,
        case when type.typtype = 'e' then 'enum' else type.typname end as type,
        format_type(attribute.atttypid, attribute.atttypmod) as full_type,
        type.oid as type_id, type.typowner,
        attribute.attnotnull, attribute.atthasdef, attribute.attidentity, attribute.attgenerated,
        case when type.typname in ('varchar', '_varchar') and attribute.atttypmod > 0 then attribute.atttypmod - 4 end as max_length
    from campfire.adopted_tables adopted
    join pg_catalog.pg_class class on class.relname = adopted.name and class.relnamespace = 'public'::regnamespace
    join pg_catalog.pg_attribute attribute on attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
    join pg_catalog.pg_type type on type.oid = attribute.atttypid;

    -- Names that are taken.
    select array_agg(obstacle order by obstacle) into v_obstacles
    from (
        select format('public.%s is not an ordinary table. Rename it, or move its rows into one.', class.relname) as obstacle
        from pg_catalog.pg_class class
        where class.relnamespace = 'public'::regnamespace and class.relkind <> 'r'
          and class.relname in ('organizations', 'organization_members', 'conversations', 'messages', 'realtime_conversations')
        union all
        select format('public.%s belongs to %s. Make %s its owner: alter table public.%1$s owner to %3$I;',
            class.relname, class.relowner::regrole, current_user)
        from pg_catalog.pg_class class
        join campfire.adopted_tables adopted on adopted.name = class.relname
        where class.relnamespace = 'public'::regnamespace and not pg_has_role(class.relowner, 'usage')
        union all
        select format('public.%s is there already, and is not Campfire''s. Rename it: alter table public.%1$s rename to …;', class.relname)
        from pg_catalog.pg_class class
        where class.relnamespace = 'public'::regnamespace
          and class.relname in ('widget_keys', 'message_attachments', 'conversation_events', 'conversation_receipts')
        union all
        select format('The function %s is there already, and is not Campfire''s. Rename or drop it.', oid::regprocedure)
        from pg_catalog.pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'campfire\_%'
        union all
        select format('The schema campfire holds %s, which is not Campfire''s. Move it to another schema.', relname)
        from pg_catalog.pg_class
        where relnamespace = 'campfire'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
          and relname not in ('migrations', 'adopted_tables')
        union all
        select format('The schema campfire holds the function %s, which is not Campfire''s. Move it to another schema.', oid::regprocedure)
        from pg_catalog.pg_proc where pronamespace = 'campfire'::regnamespace
        union all
        select format('public.%s has rewrite rules. Drop them; triggers do the same: drop rule %I on public.%1$s;', class.relname, rule.rulename)
        from pg_catalog.pg_rewrite rule
        join pg_catalog.pg_class class on class.oid = rule.ev_class
        join campfire.adopted_tables adopted on adopted.name = class.relname
        where class.relnamespace = 'public'::regnamespace
        union all
        select format('public.%s has a policy %I, a name that Campfire uses. Rename it: alter policy %2$I on public.%1$s rename to …;', tablename, policyname)
        from pg_catalog.pg_policies
        where schemaname = 'public'
          and tablename in ('organizations', 'organization_members', 'conversations', 'messages')
          and policyname ~ '^(organizations|organization_members|conversations|messages)_(select|insert|delete|all)_(member|visitor|participant)$'
        union all
        select format('public.%s has a trigger %I, a name that Campfire uses. Rename it: alter trigger %2$I on public.%1$s rename to …;',
            class.relname, event_trigger.tgname)
        from pg_catalog.pg_trigger event_trigger
        join pg_catalog.pg_class class on class.oid = event_trigger.tgrelid
        where class.relnamespace = 'public'::regnamespace
          and event_trigger.tgname in (
              'prepare_conversation_trigger', 'prepare_message_trigger', 'record_message_trigger', 'prepare_message_change_trigger', 'record_message_change_trigger')
        union all
        select format('public.%s has no row level security, so anybody could %s. '
                || 'Write policies that say who may change it, then: alter table public.%1$s enable row level security;',
            class.relname,
            case class.relname when 'organizations' then 'delete an organization with its conversations' else 'make himself an agent' end)
        from pg_catalog.pg_class class
        cross join (values ('anon'), ('authenticated')) as role (name)
        where class.relnamespace = 'public'::regnamespace and class.relkind = 'r' and not class.relrowsecurity
          and class.relname in ('organizations', 'organization_members')
          and (has_table_privilege(role.name, class.oid, 'insert, update, delete, truncate')
              or has_any_column_privilege(role.name, class.oid, 'insert, update'))
        group by class.relname
        union all
        select format('public.%s is part of an inheritance. Keep its rows in one table: alter table … no inherit …;', class.relname)
        from pg_catalog.pg_class class
        join campfire.adopted_tables adopted on adopted.name = class.relname
        where class.relnamespace = 'public'::regnamespace
          and exists (select from pg_catalog.pg_inherits where inhparent = class.oid or inhrelid = class.oid)
        union all
        -- A trigger that comes later may drop a row, or change it, that has its place in the log already.
        select format('The trigger %I of public.messages fires after Campfire''s and could drop what that has numbered. '
                || 'Let it fire before: alter trigger %1$I on public.messages rename to a_%s;', event_trigger.tgname, event_trigger.tgname)
        from pg_catalog.pg_trigger event_trigger
        where event_trigger.tgrelid = to_regclass('public.messages') and not event_trigger.tgisinternal
          and event_trigger.tgtype & 7 = 7
          and event_trigger.tgname::text collate "C" > 'prepare_message_trigger'
        union all
        -- Neither policies nor grants of the tables bind a view that has its owner's rights.
        select format('The view %s shows %s to everybody who may read it, whatever the policies say. %s',
            shown.view, string_agg(distinct shown.table_name::text, ' and '),
            case shown.kind
                when 'v' then format('Let it ask them: alter view %s set (security_invoker = true);', shown.view)
                else format('Close it: revoke all on %s from anon, authenticated;', shown.view)
            end)
        from (
            with recursive shown (id, table_name) as (
                select class.oid, class.relname
                from campfire.adopted_tables adopted
                join pg_catalog.pg_class class on class.relname = adopted.name and class.relnamespace = 'public'::regnamespace
                union
                select rule.ev_class, shown.table_name
                from shown
                join pg_catalog.pg_depend dependency
                    on dependency.refclassid = 'pg_catalog.pg_class'::regclass and dependency.refobjid = shown.id
                    and dependency.classid = 'pg_catalog.pg_rewrite'::regclass
                join pg_catalog.pg_rewrite rule on rule.oid = dependency.objid
            )
            select class.oid::regclass as view, class.relkind as kind, shown.table_name
            from shown
            join pg_catalog.pg_class class on class.oid = shown.id and class.relkind in ('v', 'm')
            cross join (values ('anon'), ('authenticated')) as role (name)
            where not coalesce(class.reloptions && array['security_invoker=true', 'security_invoker=on'], false)
              and (has_table_privilege(role.name, class.oid, 'select, insert, update, delete')
                  or has_any_column_privilege(role.name, class.oid, 'select, insert, update'))) shown
        group by shown.view, shown.kind
        union all
        -- As the doctor's membership_writable: a policy that asks nothing but the row itself and the token.
        select format('By the policy %I anybody could make himself an agent of any organization. '
                || 'Let it ask for an invitation, or the organization''s owner: alter policy %1$I on public.organization_members …;', policy.polname)
        from pg_catalog.pg_policy policy
        cross join (values ('anon'), ('authenticated')) as role (name)
        where policy.polrelid = to_regclass('public.organization_members')
          and policy.polpermissive and policy.polcmd in ('a', 'w', '*')
          and (policy.polroles @> array[0::oid] or policy.polroles @> array[to_regrole(role.name)::oid])
          and ((policy.polcmd <> 'w' and has_any_column_privilege(role.name, policy.polrelid, 'insert'))
              or (policy.polcmd <> 'a' and has_any_column_privilege(role.name, policy.polrelid, 'update')))
          and not exists (
              select from pg_catalog.pg_depend dependency
              where dependency.classid = 'pg_catalog.pg_policy'::regclass and dependency.objid = policy.oid
                and ((dependency.refclassid = 'pg_catalog.pg_class'::regclass and dependency.refobjid <> policy.polrelid)
                  or (dependency.refclassid = 'pg_catalog.pg_proc'::regclass and dependency.refobjid not in (
                      select oid from pg_catalog.pg_proc where pronamespace = to_regnamespace('auth')))))
        group by policy.polname
        union all
        select case
            when puballtables then 'The publication supabase_realtime is FOR ALL TABLES, so it cannot be limited to scalar columns. '
                || 'Drop it and create it again with the tables that are listened to.'
            when not pg_has_role(pubowner, 'usage') then format('The publication supabase_realtime belongs to %s. '
                || 'Make %s its owner: alter publication supabase_realtime owner to %2$I;', pubowner::regrole, current_user)
            else 'The publication supabase_realtime is for all tables of a schema, so it cannot be limited to scalar columns. '
                || 'Name its tables one by one instead: alter publication supabase_realtime set table …;'
        end
        from pg_catalog.pg_publication publication
        where pubname = 'supabase_realtime'
          and (puballtables or not pg_has_role(pubowner, 'usage')
              or exists (
                  select from pg_catalog.pg_publication_namespace part where part.pnpubid = publication.oid))
    ) found (obstacle);

    -- Columns that do not fit.
    select array_agg(obstacle order by obstacle) into v_more
    from (
        select format('%s.%s is missing. Campfire cannot know what belongs there; add and fill it.', rule.table_name, rule.column_name)
        from campfire_survey_columns rule
        join campfire.adopted_tables adopted on adopted.name = rule.table_name
        left join campfire_survey_present present using (table_name, column_name)
        where rule.is_required and present.column_name is null
        union all
        select format('%s.%s is there already, and Campfire needs the name. Rename it: alter table public.%1$s rename column %2$s to …;',
            table_name, column_name)
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where rule.types = '{}'
        union all
        select format('%s.%s is of type %s; it must be %s. Change it: alter table public.%1$s alter column %2$s type %5$s using …;',
            table_name, column_name, present.full_type,
            array_to_string(array(select regexp_replace(replace(name, 'varchar', 'character varying'), '^_(.*)$', '\1[]') from unnest(rule.types) name), ' or '),
            regexp_replace(rule.types[1], '^_(.*)$', '\1[]'))
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where rule.types <> '{}' and present.type <> all (rule.types)
        union all
        select format('%s.%s takes %s characters; Campfire stores up to %s there. Change it: alter table public.%1$s alter column %2$s type text%5$s;',
            table_name, column_name, present.max_length, rule.length, case when present.type like '\_%' then '[]' else '' end)
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where present.max_length < rule.length
        union all
        select format('%s.%s does not take null, and Campfire may have nothing to put there. Change it: alter table public.%1$s alter column %2$s drop not null;',
            table_name, column_name)
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where rule.takes_null and present.attnotnull and rule.types <> '{}'
        union all
        select format('%s.%s is filled by the database; Campfire must be able to write it. Drop the expression or the identity.', table_name, column_name)
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where present.attgenerated <> '' or present.attidentity = 'a'
        union all
        select format('%s.%s must be filled, has no default, and Campfire does not know it. Give it a default: alter table public.%1$s alter column %2$I set default …;',
            present.table_name, present.column_name)
        from campfire_survey_present present
        left join campfire_survey_columns rule using (table_name, column_name)
        where rule.column_name is null and present.attnotnull and not present.atthasdef and present.attidentity = ''
          and present.table_name in ('conversations', 'messages', 'realtime_conversations')
        union all
        select format('%s has no primary key on id alone. Change it: alter table public.%1$s %sadd primary key (id);',
            adopted.name, (
                select format('drop constraint %I, ', conname) from pg_catalog.pg_constraint
                where conrelid = present.table_id and contype = 'p'))
        from campfire.adopted_tables adopted
        join campfire_survey_present present on present.table_name = adopted.name and present.column_name = 'id'
        where adopted.name <> 'organization_members' and not exists (
            select from pg_catalog.pg_constraint
            where conrelid = present.table_id and contype = 'p' and conkey = array[present.attnum])
        union all
        -- A partial one, such as of the open conversations, may be right.
        select format('By the unique index %s there is one row of %s for each %s; Campfire stores several. Drop it, or limit it with a condition.',
            unique_index.indexrelid::regclass, adopted.name, array_to_string(key.columns, ', '))
        from campfire.adopted_tables adopted
        join pg_catalog.pg_index unique_index
            on unique_index.indrelid = format('public.%I', adopted.name)::regclass
            and unique_index.indisunique and not unique_index.indisprimary and unique_index.indpred is null
        cross join lateral (
            select array_agg(present.column_name::text order by present.attnum), bool_and(rule.column_name is not null)
            from campfire_survey_present present
            left join campfire_survey_columns rule using (table_name, column_name)
            where present.table_id = unique_index.indrelid and present.attnum = any (unique_index.indkey)
        ) as key (columns, are_known)
        where adopted.name in ('conversations', 'messages') and unique_index.indexprs is null
          and key.are_known and not 'id' = any (key.columns)
        union all
        select format('%s.%s refers to %s, where visitors and programs do not stand. Drop the foreign key: alter table public.%1$s drop constraint %4$I;',
            table_name, column_name, reference.confrelid::regclass, reference.conname)
        from campfire_survey_present present
        join pg_catalog.pg_constraint reference
            on reference.conrelid = present.table_id and reference.contype = 'f' and present.attnum = any (reference.conkey)
        where (table_name, column_name) in (
            ('conversations', 'visitor_id'), ('conversations', 'handler_id'), ('messages', 'sender_id'))
        union all
        select format('The type %s of %s.%s lacks %s and belongs to %s. Make %s its owner: alter type %1$s owner to %6$I;',
            full_type, table_name, column_name,
            array_to_string(array(select label from unnest(rule.labels) label where label not in (
                select enumlabel from pg_catalog.pg_enum where enumtypid = present.type_id)), ', '),
            present.typowner::regrole, current_user)
        from campfire_survey_columns rule join campfire_survey_present present using (table_name, column_name)
        where present.type = 'enum' and not pg_has_role(present.typowner, 'usage')
          and exists (select from unnest(rule.labels) label where label not in (
              select enumlabel from pg_catalog.pg_enum where enumtypid = present.type_id))
    ) found (obstacle);
    v_obstacles := v_obstacles || v_more;

    -- A constraint on such a column alone must let through what Campfire writes there.
    for v_check in
        select
            table_name, column_name, checked.conname, written.samples,
            pg_get_expr(checked.conbin, checked.conrelid) as expression
        from campfire_survey_columns rule
        join campfire_survey_present present using (table_name, column_name)
        join pg_catalog.pg_constraint checked
            on checked.conrelid = present.table_id and checked.contype = 'c' and checked.conkey = array[present.attnum]
        cross join lateral (select case table_name || '.' || column_name
            -- What is left of a deleted message, and the longest.
            when 'messages.content' then array['', repeat('x', rule.length)]
            when 'conversations.last_message_preview' then array[repeat('x', rule.length)]
            when 'realtime_conversations.last_message_preview' then array[repeat('x', rule.length)]
            else rule.labels
        end) as written (samples)
        where written.samples is not null and present.type = any (rule.types) and present.type <> 'enum'
        order by table_name, column_name, checked.conname
    loop
        execute format(
            $sql$
            select string_agg(
                case when %1$I = '' then 'an empty text' when length(%1$I) > 40 then length(%1$I) || ' characters' else %1$I end,
                ', ' order by %1$I)
            from unnest(%2$L::text[]) as sample (%1$I) where not (%3$s)
            $sql$,
            v_check.column_name, v_check.samples, v_check.expression) into v_bad;
        if v_bad is not null then
            v_obstacles := v_obstacles || format(
                'The constraint %s of %s does not allow %s in %s. Widen it, or drop it: alter table public.%2$s drop constraint %1$I;',
                v_check.conname, v_check.table_name, v_bad, v_check.column_name);
        end if;
    end loop;

    -- Rows are looked at only where the columns are what they must be.
    if v_obstacles is null then
        for v_column in
            select table_name, column_name, rule.labels
            from campfire_survey_columns rule join campfire_survey_present using (table_name, column_name)
            where rule.labels is not null and table_name <> 'realtime_conversations'
            order by table_name, column_name
        loop
            execute format(
                'select string_agg(distinct %1$I::text, '', '' order by %1$I::text) from public.%2$I where %1$I::text <> all (%3$L::text[])',
                v_column.column_name, v_column.table_name, v_column.labels) into v_bad;
            if v_bad is not null then
                v_obstacles := v_obstacles || format(
                    '%s.%s holds %s. Campfire knows %s; change the others first: update public.%1$s set %2$s = … where %2$s = …;',
                    v_column.table_name, v_column.column_name, left(v_bad, 200), array_to_string(v_column.labels, ', '));
            end if;
        end loop;

        for v_check in
            select needs, path, sentence, condition
            from (values
                ('{conversations}', null,
                 '%s conversations belong to no organization. Set their organization_id, or delete them.',
                 'public.conversations where organization_id is null'),
                ('{conversations,organizations}', null,
                 '%s conversations belong to organizations that are not in public.organizations. Add these organizations.',
                 'public.conversations c where organization_id is not null '
                     || 'and not exists (select from public.organizations o where o.id = c.organization_id)'),
                ('{messages,conversations}', null,
                 '%s messages belong to no conversation. Delete them, or give them one.',
                 'public.messages m where not exists (select from public.conversations c where c.id = m.conversation_id)'),
                ('{messages,conversations}', 'messages.organization_id',
                 '%s messages name another organization than their conversation does. Find out which is right, and correct the other.',
                 'public.messages m join public.conversations c on c.id = m.conversation_id where m.organization_id <> c.organization_id'),
                ('{messages}', null,
                 '%s messages have no time, or an infinite one. Set their created_at: it decides their place in the conversation.',
                 'public.messages where created_at is null or not isfinite(created_at)'),
                ('{messages}', null,
                 '%s messages have no sender_type. Set it to visitor, agent, ai or system.',
                 'public.messages where sender_type is null'),
                ('{conversations}', 'conversations.created_at',
                 '%s conversations were created at an infinite time. Set their created_at.',
                 'public.conversations where not isfinite(created_at)'),
                ('{conversations}', 'conversations.updated_at',
                 '%s conversations were changed at an infinite time. Set their updated_at.',
                 'public.conversations where not isfinite(updated_at)'),
                ('{organization_members}', null,
                 '%s users are in an organization more than once. Keep one row of organization_members each.',
                 '(select from public.organization_members group by organization_id, user_id having count(*) > 1) twice'),
                ('{realtime_conversations,conversations}', null,
                 '%s rows of realtime_conversations mirror no conversation. Delete them.',
                 'public.realtime_conversations m where not exists (select from public.conversations c where c.id = m.id)')
            ) as rule (needs, path, sentence, condition)
            where not exists (
                select from unnest(needs::text[]) as need (name)
                where need.name not in (select adopted.name from campfire.adopted_tables adopted))
              and (path is null or exists (
                select from campfire_survey_present where path = table_name || '.' || column_name))
        loop
            execute format('select nullif(count(*), 0)::text from %s', v_check.condition) into v_bad;
            if v_bad is not null then
                v_obstacles := v_obstacles || format(v_check.sentence, v_bad);
            end if;
        end loop;
        -- Old rows may break a constraint that was never validated; they could not be changed.
        for v_check in
            select class.relname as table_name, checked.conname, pg_get_expr(checked.conbin, checked.conrelid) as expression
            from campfire.adopted_tables adopted
            join pg_catalog.pg_class class on class.relname = adopted.name and class.relnamespace = 'public'::regnamespace
            join pg_catalog.pg_constraint checked on checked.conrelid = class.oid and checked.contype = 'c' and not checked.convalidated
            where adopted.name in ('conversations', 'messages', 'realtime_conversations')
            order by 1, 2
        loop
            execute format('select nullif(count(*), 0)::text from public.%I where not (%s)', v_check.table_name, v_check.expression)
            into v_bad;
            if v_bad is not null then
                v_obstacles := v_obstacles || format(
                    '%s rows of %s break its constraint %I, which was never validated. Correct them, or drop it: alter table public.%2$s drop constraint %3$I;',
                    v_bad, v_check.table_name, v_check.conname);
            end if;
        end loop;
        if exists (select from campfire.adopted_tables where name = 'messages')
            and not exists (select from campfire.adopted_tables where name = 'conversations')
        then
            execute 'select nullif(count(*), 0)::text from public.messages' into v_bad;
            if v_bad is not null then
                v_obstacles := v_obstacles || format(
                    '%s messages belong to no conversation: there is no table public.conversations. Rename public.messages, or empty it.', v_bad);
            end if;
        end if;
    end if;

    if v_obstacles is not null then
        raise exception using
            errcode = 'CFA01',
            message = format('The database cannot take Campfire as it is: %s obstacles.', cardinality(v_obstacles)),
            detail = array_to_string(v_obstacles, E'\n'),
            hint = 'Nothing has been changed. Remove what the list names, and run the migrations again.';
    end if;
end
$$;

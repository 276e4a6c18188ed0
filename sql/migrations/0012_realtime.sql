-- What leaves the database by itself. Only scalar columns are published: one array, enum or JSON column
-- in a publication is enough to break postgres_changes for every listener of it.
-- Tables of the application in the same publication stay as they are.

do $$
declare
    v_table regclass;
    v_columns text[];
begin
    if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
        create publication supabase_realtime;
    end if;

    for v_table in
        select relation.prrelid::regclass
        from pg_catalog.pg_publication_rel relation
        join pg_catalog.pg_publication publication on publication.oid = relation.prpubid
        where publication.pubname = 'supabase_realtime'
          and relation.prrelid in (
              'public.conversations'::regclass, 'public.messages'::regclass, 'public.realtime_conversations'::regclass)
    loop
        execute format('alter publication supabase_realtime drop table %s', v_table);
    end loop;

    -- A list of columns must hold the replica identity, or every UPDATE of the table fails. An adopted table
    -- may have been set to FULL, which asks for all columns.
    alter table public.conversations replica identity default;
    alter table public.messages replica identity default;

    -- Where an adopted table has an enum, that column stays out.
    for v_table, v_columns in
        select listed.table_name::regclass, array(
            select quote_ident(column_name)
            from unnest(listed.columns) with ordinality as part (column_name, position)
            join pg_catalog.pg_attribute attribute
                on attribute.attrelid = listed.table_name::regclass and attribute.attname = column_name
            join pg_catalog.pg_type type on type.oid = attribute.atttypid and type.typtype = 'b'
            order by position)
        from (values
            ('public.conversations',
                '{id,organization_id,customer_name,customer_email,created_at,updated_at}'::text[]),
            ('public.messages',
                '{id,conversation_id,organization_id,content,sender_type,sender_name,sender_email,created_at}')
        ) as listed (table_name, columns)
    loop
        execute format(
            'alter publication supabase_realtime add table %s (%s)', v_table, array_to_string(v_columns, ', '));
    end loop;
    alter publication supabase_realtime add table public.realtime_conversations;
end
$$;

-- Who may join a private channel. Realtime asks with rows that have neither event nor payload, so only
-- the topic, the extension and the token can decide. On Supabase these tables belong to somebody else,
-- and creating and dropping policies is all that postgres may do there.

drop policy if exists campfire_messages_select_participant on realtime.messages;
create policy campfire_messages_select_participant on realtime.messages
    for select to anon, authenticated
    using (
        extension in ('broadcast', 'presence')
        and (select campfire.can_receive((select realtime.topic()))));

drop policy if exists campfire_messages_insert_typing on realtime.messages;
create policy campfire_messages_insert_typing on realtime.messages
    for insert to anon, authenticated
    with check (
        extension = 'broadcast'
        and (select campfire.can_broadcast((select realtime.topic()))));

drop policy if exists campfire_messages_insert_presence on realtime.messages;
create policy campfire_messages_insert_presence on realtime.messages
    for insert to anon, authenticated
    with check (
        extension = 'presence'
        and (select campfire.can_track_presence((select realtime.topic()))));
